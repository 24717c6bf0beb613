import type { LiveStatus } from '../protocol/messages';
import type { Run } from '../protocol/run';

/** A run's status with dead processes taken into account: a journal without an end, and nobody to write it, is a crash. */
export function liveStatus(run: Run, alive: boolean): LiveStatus {
  if (run.seq < 0) return alive ? 'running' : 'crashed';
  const unfinished = run.status === 'running' || run.status === 'paused';
  // A process that evaluates a crashed run does not train it.
  return unfinished && (!alive || run.job === 'evaluate') ? 'crashed' : run.status;
}
