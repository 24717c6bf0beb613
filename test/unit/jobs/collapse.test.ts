import { describe, expect, it } from 'vitest';
import type { EventBody } from '../../../protocol/events';
import { applyEvent, emptyRun, standingWarnings, type Run } from '../../../protocol/run';
import { collapseNotices } from '../../../trainer/jobs/collapse';
import type { Failing } from '../../../trainer/methods/method';

const failing: Failing = {
  symptoms: [
    {
      metric: 'train/loss',
      side: 'above',
      threshold: 4,
      means: 'the loss is that of a guess',
      remedy: 'lower pretrain.a',
    },
    {
      metric: 'train/use',
      side: 'below',
      threshold: 2,
      means: 'one is used',
      remedy: 'raise pretrain.b',
      patience: 0.5,
    },
  ],
  collapse: 'raise pretrain.c',
};
const lengths = { warmupSteps: 50, totalSteps: 1000 };

const empty = emptyRun({
  version: 1,
  runId: 'r',
  experiment: 'e',
  configFile: 'e.tessera.jsonc',
  config: {},
  createdAt: 0,
  versions: {},
});
const apply = (run: Run, body: EventBody): Run => applyEvent(run, { ...body, seq: run.seq + 1, time: 0 });

/** A row every 10 steps, of the values that `at` gives; what is due is said at once, as in a run. */
function train(at: (step: number) => Record<string, number>, steps: number, from: Run = empty) {
  let run = from;
  const said: { step: number; cause?: string; level: string; message: string }[] = [];
  for (let step = run.step + 10; step <= steps; step += 10) {
    run = apply(run, { type: 'metrics', step, values: at(step) });
    for (const notice of collapseNotices(run, failing, lengths)) {
      run = apply(run, notice);
      if (notice.type === 'notice') said.push({ step, ...notice });
    }
  }
  return { run, said };
}

describe('a collapse warning', () => {
  it('is not given while a metric beyond its threshold still gets better', () => {
    const falling = (step: number) => ({ 'train/loss': 6.5 - step / 200, 'train/use': 4 });
    expect(train(falling, 480).said).toEqual([]);
    const stuck = (step: number) => ({ ...falling(step), 'train/loss': 4.1 + 0.05 * Math.sin(step) });
    expect(train(stuck, 480).said).toMatchObject([{ cause: 'train/loss', level: 'warning' }]);
  });

  it('is not given of a healthy run', () => {
    const healthy = (step: number) => ({
      'train/loss': 4.2 * Math.exp(-step / 300),
      'train/use': 4,
      'health/std': 0.7 - step / 5000,
      'health/rankme': 15 - step / 150,
    });
    expect(train(healthy, 1000).said).toEqual([]);
  });

  it('comes once when a metric stays where nothing is learned, with what it means and what to change', () => {
    const { said, run } = train(() => ({ 'train/loss': 4.01 }), 1000);
    expect(said).toEqual([
      {
        step: 200,
        type: 'notice',
        level: 'warning',
        cause: 'train/loss',
        message: 'At step 200 the loss is that of a guess. Lower pretrain.a.',
      },
    ]);
    expect(standingWarnings(run)).toHaveLength(1);
  });

  it('waits as long as the task may take to be learned', () => {
    expect(train(() => ({ 'train/use': 0.1 }), 1000).said.map(({ step }) => step)).toEqual([550]);
  });

  it('does not mind a row that is out of line', () => {
    expect(train((step) => ({ 'train/loss': step % 50 === 0 ? 9 : 2 }), 1000).said).toEqual([]);
  });

  it('comes late in a run too', () => {
    expect(train((step) => ({ 'train/loss': step < 600 ? 2 : 4.2 }), 1000).said[0]!.step).toBeGreaterThan(600);
  });

  it('is lifted when the metric is clear of it for long, and only then', () => {
    const { said, run } = train((step) => ({ 'train/loss': step < 400 ? 4.1 : 3 }), 1000);
    expect(said.map(({ level, cause }) => [level, cause])).toEqual([
      ['warning', 'train/loss'],
      ['info', 'train/loss'],
    ]);
    expect(said[1]!.message).toMatch(/^At step \d+ the warning about “Loss” is lifted: it is 3\.00 now\.$/);
    expect(standingWarnings(run)).toEqual([]);
    expect(train((step) => ({ 'train/loss': step < 400 ? 4.1 : 3.95 }), 1000).said).toHaveLength(1);
  });

  it('is not repeated when the run was resumed', () => {
    const before = train(() => ({ 'train/loss': 4.1 }), 500).run;
    const resumed = apply(before, {
      type: 'launched',
      job: 'pretrain',
      pid: 1,
      fromStep: 100,
      totalSteps: 1000,
      engine: '',
    });
    expect(resumed.step).toBe(100);
    expect(train(() => ({ 'train/loss': 4.1 }), 1000, resumed).said).toEqual([]);
  });

  it('is given when all images get one embedding, once it was not so with fresh weights only', () => {
    const spread = (...values: number[]) =>
      train((step) => ({ 'health/std': values[step / 10 - 1]! }), values.length * 10);
    expect(spread(0.01).said).toEqual([]);
    const { said } = spread(0.7, 0.3, 0.02, 0.01, 0.04, 0.2);
    expect(said.map(({ step, level }) => [step, level])).toEqual([
      [30, 'warning'],
      [60, 'info'],
    ]);
    expect(said[0]!.message).toContain('0.0200');
    expect(said[0]!.message).toContain('Raise pretrain.c.');
  });

  it('is given when the rank falls to a few dimensions, or to a fraction of what it was', () => {
    const ranks = (...values: number[]) =>
      train((step) => ({ 'health/rankme': values[step / 10 - 1]! }), values.length * 10).said.map(({ step }) => step);
    expect(ranks(15, 8, 6, 5)).toEqual([]);
    expect(ranks(15, 8, 2.9)).toEqual([30]);
    expect(ranks(3, 2, 1.4)).toEqual([30]);
    expect(ranks(3, 40, 7)).toEqual([30]);
  });
});
