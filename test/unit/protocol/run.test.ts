import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { liveStatus } from '../../../client/status';
import type { EventBody, RunEvent, RunManifest } from '../../../protocol/events';
import { applyEvent, emptyRun, latest, standingWarnings } from '../../../protocol/run';

const manifest: RunManifest = {
  version: 1,
  runId: '20261123-184512-k3f9',
  experiment: 'shapes',
  configFile: 'shapes.tessera.jsonc',
  config: {},
  createdAt: 0,
  versions: {},
};
const numbered = (bodies: readonly EventBody[]): RunEvent[] =>
  bodies.map((body, seq) => ({ ...body, seq, time: seq * 10 }));
const replay = (events: readonly RunEvent[]) => events.reduce(applyEvent, emptyRun(manifest));

const launched = (fromStep = 0, job: 'pretrain' | 'evaluate' = 'pretrain'): EventBody => ({
  type: 'launched',
  job,
  pid: 1,
  fromStep,
  totalSteps: 100,
  engine: 'e',
});
const row = (step: number, loss = 1 / step): EventBody => ({ type: 'metrics', step, values: { 'train/loss': loss } });
const saved = (step: number, removed: number[] = []): EventBody => ({
  type: 'checkpoint',
  step,
  path: `checkpoints/step-${step}`,
  bytes: 1,
  removed,
});

const mapped = (step: number, file: string): EventBody => ({ type: 'embedding', step, file, kl: 1 });

describe('maps of embeddings', () => {
  it('are one a step, ascending, however late an evaluation draws one', () => {
    const { embeddings } = replay(numbered([mapped(10, 'a'), mapped(30, 'b'), mapped(10, 'c'), mapped(20, 'd')]));
    expect(embeddings.map(({ step, file }) => [step, file])).toEqual([
      [10, 'c'],
      [20, 'd'],
      [30, 'b'],
    ]);
  });
});

describe('what is evaluated', () => {
  it('stays so by each of the settings that it was done by', () => {
    const done = (key: string): EventBody => ({ type: 'evaluated', step: 10, kind: 'finetune', key });
    const { evaluated } = replay(numbered([done('few labels'), done('all labels'), done('few labels')]));
    expect(evaluated.map(({ key }) => key).sort()).toEqual(['all labels', 'few labels']);
  });
});

const step = fc.integer({ min: 1, max: 100 });
const anyBody: fc.Arbitrary<EventBody> = fc.oneof(
  step.map((from) => launched(from - 1)),
  fc.constantFrom('running', 'paused', 'finished', 'stopped').map((status): EventBody => ({ type: 'status', status })),
  fc.tuple(step, fc.double({ noNaN: true })).map(([at, loss]) => row(at, loss)),
  fc.tuple(step, fc.array(step)).map(([at, removed]) => saved(at, removed)),
  step.map((at): EventBody => ({ type: 'pictures', step: at, file: 'r' })),
  step.map((at) => mapped(at, 'e')),
  step.map((at): EventBody => ({ type: 'evaluating', step: at, kind: 'knn', done: 0.5, message: 'm' })),
  fc.string().map((message): EventBody => ({ type: 'notice', level: 'info', message })),
  fc.constantFrom('warning', 'info').map((level): EventBody => ({ type: 'notice', level, message: 'm', cause: 'std' })),
);

describe('a warning', () => {
  const notice = (level: 'info' | 'warning', cause?: string): EventBody => ({
    type: 'notice',
    level,
    message: `${level} of ${cause}`,
    ...(cause === undefined ? {} : { cause }),
  });
  const standing = (...bodies: EventBody[]) => standingWarnings(replay(numbered(bodies))).map(({ message }) => message);

  it('of a cause stands until a later notice of that cause lifts it', () => {
    expect(standing(notice('warning', 'std'), notice('warning', 'rank'))).toEqual([
      'warning of std',
      'warning of rank',
    ]);
    expect(standing(notice('warning', 'std'), notice('warning', 'rank'), notice('info', 'std'))).toEqual([
      'warning of rank',
    ]);
    expect(standing(notice('warning', 'std'), notice('info', 'std'), notice('warning', 'std'))).toHaveLength(1);
  });

  it('without a cause is said and done', () => {
    expect(standing(notice('warning'))).toEqual([]);
  });
});

describe('a run is what its events say', () => {
  it('a journal replayed after a round trip through its lines equals the live state', () => {
    fc.assert(
      fc.property(fc.array(anyBody), (bodies) => {
        const events = numbered(bodies);
        const lines = events.map((event) => JSON.stringify(event));
        expect(replay(lines.map((line) => JSON.parse(line) as RunEvent))).toEqual(
          replay(events.map((event) => JSON.parse(JSON.stringify(event)) as RunEvent)),
        );
      }),
    );
  });

  it('events seen twice, as by one who reads the file and listens, change nothing', () => {
    fc.assert(
      fc.property(fc.array(anyBody), fc.nat(), fc.nat(), (bodies, a, b) => {
        const events = numbered(bodies);
        const overlap = Math.min(a % (events.length + 1), b % (events.length + 1));
        const heard = [...events.slice(0, Math.max(overlap, a % (events.length + 1))), ...events.slice(overlap)];
        expect(replay(heard)).toEqual(replay(events));
      }),
    );
  });

  it('steps of a curve only rise, whatever was resumed from where', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 30 })), { minLength: 1 }), (sessions) => {
        // Each session resumes at or before where the last one was, and goes on step by step.
        let reached = 0;
        const bodies = sessions.flatMap(([back, length]) => {
          const from = Math.max(0, reached - back);
          reached = from + length;
          return [launched(from), ...Array.from({ length }, (_, i) => row(from + i + 1))];
        });
        const { steps } = replay(numbered(bodies)).metrics['train/loss']!;
        expect(steps).toEqual(Array.from({ length: reached }, (_, i) => i + 1));
      }),
    );
  });
});

describe('resuming', () => {
  it('drops what lies beyond the checkpoint that was resumed from, and keeps the rest', () => {
    const run = replay(numbered([launched(), row(5), saved(5), row(10), saved(10), row(12), launched(5), row(6, 0.5)]));
    expect(run.metrics['train/loss']).toEqual({ steps: [5, 6], values: [0.2, 0.5] });
    expect(run.checkpoints.map(({ step }) => step)).toEqual([5]);
    expect(run).toMatchObject({ status: 'running', step: 6, startedAt: 0 });
  });

  it('evaluating a finished run does not make it unfinished', () => {
    const run = replay(
      numbered([launched(), row(100), { type: 'status', status: 'finished' }, launched(100, 'evaluate')]),
    );
    expect(run).toMatchObject({ status: 'finished', step: 100, job: 'evaluate' });
  });
});

describe('checkpoints', () => {
  it('those that were deleted go, one of the same step is replaced', () => {
    const run = replay(numbered([launched(), saved(5), saved(10), saved(10), saved(15, [5])]));
    expect(run.checkpoints.map(({ step }) => step)).toEqual([10, 15]);
  });
});

describe('the status that people see', () => {
  const running = replay(numbered([launched(), row(1)]));
  const finished = replay(numbered([launched(), { type: 'status', status: 'finished' }]));

  it('is the journal’s while the process lives or has ended in order', () => {
    expect(liveStatus(running, true)).toBe('running');
    expect(liveStatus(finished, false)).toBe('finished');
    expect(latest(running, 'train/loss')).toBe(1);
  });

  it('is crashed when nobody is left to write an end', () => {
    expect(liveStatus(running, false)).toBe('crashed');
    expect(liveStatus(emptyRun(manifest), false)).toBe('crashed');
    expect(liveStatus(emptyRun(manifest), true)).toBe('running');
  });

  it('stays crashed while another process merely evaluates the run', () => {
    expect(liveStatus(replay(numbered([launched(), row(1), launched(1, 'evaluate')])), true)).toBe('crashed');
  });
});
