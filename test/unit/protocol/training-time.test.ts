import { describe, expect, it } from 'vitest';
import type { EventBody, RunEvent } from '../../../protocol/events';
import { timeToReach } from '../../../protocol/training-time';

const journal = (...lines: readonly (readonly [seconds: number, EventBody])[]): RunEvent[] =>
  lines.map(([seconds, body], seq) => ({ ...body, seq, time: 1e12 + seconds * 1000 }));
const opening: EventBody = { type: 'status', status: 'running', reason: 'Opening the images' };
const launched = (job: 'pretrain' | 'evaluate', fromStep = 0): EventBody => ({
  ...{ type: 'launched', job, pid: 1, fromStep, totalSteps: 100, engine: 'an engine' },
});
const knn = (step: number, value: number): EventBody => ({ type: 'metrics', step, values: { 'eval/knn_top1': value } });
const reach = (events: readonly RunEvent[], lastStep?: number) => timeToReach(events, 'eval/knn_top1', 0.4, lastStep);

describe('the time to reach a score', () => {
  const start = [
    [0, opening],
    [5, launched('pretrain')],
    [15, knn(10, 0.3)],
  ] as const;

  it('is that of training until the first row that has it', () => {
    expect(reach(journal(...start, [25, knn(20, 0.4)], [35, knn(30, 0.5)]))).toEqual({ step: 20, seconds: 20 });
  });

  it('is unknown where it was never reached, or only later', () => {
    expect(reach(journal(...start))).toBeUndefined();
    expect(reach(journal(...start, [25, knn(20, 0.4)]), 19)).toBeUndefined();
  });

  it('leaves out pauses, and evaluations in between', () => {
    const paused = [
      [16, { type: 'status', status: 'paused' }],
      [1000, { type: 'status', status: 'running' }],
    ] as const;
    const evaluated = [
      [1001, { type: 'evaluating', step: 10, kind: 'probe', done: 0, message: '' }],
      [2000, { type: 'status', status: 'running' }],
    ] as const;
    // 10 s before the pause and 1 s until it, 1 s until the evaluation, 3 s after it.
    expect(reach(journal(...start, ...paused, ...evaluated, [2003, knn(20, 0.4)]))?.seconds).toBe(15);
  });

  it('leaves out what lies between a crash and the next trainer, and evaluations of a run that nobody trains', () => {
    const events = journal(
      ...start,
      [900, launched('evaluate')],
      [950, { type: 'evaluating', step: 10, kind: 'probe', done: 0, message: '' }],
      [990, { type: 'status', status: 'interrupted' }],
      [1000, opening],
      [1005, launched('pretrain', 10)],
      [1015, knn(20, 0.4)],
    );
    expect(reach(events)?.seconds).toBe(20);
  });
});
