/** What can be done with a run now: the one answer for menus, lenses and commands. */
import { canGoOn, isOnGpu } from '../protocol/run';
import type { TrackedRun } from './run-store';

export interface Abilities {
  readonly pause: boolean;
  readonly resume: boolean;
  /** Of a run that a GPU failed. */
  readonly resumeOnCpu: boolean;
  readonly stop: boolean;
  readonly checkpoint: boolean;
  /** Probe or fine-tune one of its checkpoints. */
  readonly evaluate: boolean;
  readonly delete: boolean;
}

export type Ability = keyof Abilities;

export function abilities({ run, alive, liveStatus }: TrackedRun): Abilities {
  const training = alive && run.job !== 'evaluate';
  return {
    pause: training && liveStatus === 'running',
    resume: (training && liveStatus === 'paused') || (!alive && canGoOn(run, liveStatus)),
    resumeOnCpu: !alive && canGoOn(run, liveStatus) && isOnGpu(run),
    stop: alive,
    checkpoint: training && (liveStatus === 'running' || liveStatus === 'paused'),
    evaluate: training || run.checkpoints.length > 0,
    delete: !alive,
  };
}

/** For `when` clauses in package.json: `viewItem =~ /\bpause\b/`. */
export function contextValue(kind: 'run' | 'checkpoint', can: Abilities): string {
  const names = (Object.keys(can) as Ability[]).filter((name) => can[name]);
  return [kind, ...(kind === 'run' ? names : names.filter((name) => name === 'evaluate'))].join(' ');
}
