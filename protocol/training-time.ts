/** How long a training was at work, read from its journal. */
import type { RunEvent } from './events';

export interface Reached {
  readonly step: number;
  readonly seconds: number;
}

/**
 * When a metric first was at or above `target`, in seconds of training since the run began, at `lastStep` at the latest.
 * What was trained and then lost in a crash counts, since it took its time; what lies between two trainers, pauses and
 * evaluations that somebody asked for do not. Undefined when it never was.
 */
export function timeToReach(
  events: readonly RunEvent[],
  key: string,
  target: number,
  lastStep = Infinity,
): Reached | undefined {
  let seconds = 0;
  let trainer = false;
  let working = false;
  let before = 0;
  for (const event of events) {
    // A trainer's first words are that it opens the images, then that it is launched.
    const isFirst = event.type === 'launched' || (event.type === 'status' && event.reason !== undefined);
    if (working && !isFirst) seconds += (event.time - before) / 1000;
    before = event.time;
    if (event.type === 'launched') trainer = working = event.job === 'pretrain';
    if (event.type === 'status') working = trainer && event.status === 'running' && !isFirst;
    if (event.type === 'evaluating') working = false;
    if (event.type === 'metrics' && event.step <= lastStep && (event.values[key] ?? -Infinity) >= target) {
      return { step: event.step, seconds };
    }
  }
  return undefined;
}
