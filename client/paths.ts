/** Where things are in a project and in a run directory. */
import { dirname, join, resolve } from 'node:path';

/** The folder that holds the runs of a config file: `.tessera/runs` beside it. */
export function runsFolder(configFile: string): string {
  return join(dirname(resolve(configFile)), '.tessera', 'runs');
}

export const manifestPath = (directory: string) => join(directory, 'run.json');
export const journalPath = (directory: string) => join(directory, 'events.jsonl');
export const ownerPath = (directory: string) => join(directory, 'owner.json');
export const logPath = (directory: string) => join(directory, 'trainer.log');
export const checkpointPath = (step: number) => `checkpoints/${checkpointName(step)}`;
export const checkpointName = (step: number) => `step-${String(step).padStart(6, '0')}`;
