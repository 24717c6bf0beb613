/** Runs to show, made from events as real ones are. */
import { liveStatus } from '../../../client/status';
import type { Comparison, Evaluation, EventBody, RunManifest } from '../../../protocol/events';
import { applyEvent, emptyRun, type Run } from '../../../protocol/run';
import type { TrackedRun } from '../../../extension/run-store';

export const started = new Date(2026, 10, 23, 18, 45, 12).getTime();

export function manifest(overrides: Partial<RunManifest> = {}): RunManifest {
  return {
    version: 1,
    runId: '20261123-184512-k3f9',
    experiment: 'mae',
    configFile: 'mae.tessera.jsonc',
    config: { pretrain: { batchSize: 64 } },
    createdAt: started,
    versions: {},
    ...overrides,
  };
}

export function runOf(bodies: readonly EventBody[], overrides: Partial<RunManifest> = {}): Run {
  const events = bodies.map((body, seq) => ({ ...body, seq, time: started + 1000 * (seq + 1) }));
  return events.reduce(applyEvent, emptyRun(manifest(overrides)));
}

export function tracked(
  bodies: readonly EventBody[],
  { alive = false, ...overrides }: Partial<RunManifest> & { alive?: boolean } = {},
): TrackedRun {
  const run = runOf(bodies, overrides);
  return {
    directory: `/photos/.tessera/runs/${run.manifest.runId}`,
    configFile: '/photos/mae.tessera.jsonc',
    run,
    alive,
    liveStatus: liveStatus(run, alive),
  };
}

export const launched: Extract<EventBody, { type: 'launched' }> = {
  type: 'launched',
  job: 'pretrain',
  pid: 1,
  fromStep: 0,
  totalSteps: 4000,
  engine: 'onnxruntime, CPU',
};

export const row = (step: number, loss: number): EventBody => ({
  type: 'metrics',
  step,
  values: { 'train/loss': loss, 'perf/images_per_second': 640 },
});

export const checkpoint = (step: number): EventBody => ({
  type: 'checkpoint',
  step,
  path: `checkpoints/step-${String(step).padStart(6, '0')}`,
  bytes: 3_200_000,
  removed: [],
});

export const finished: EventBody = { type: 'status', status: 'finished' };

export function evaluation(
  step: number,
  top1: number,
  overrides: Partial<Evaluation> = {},
  baseline: Comparison['baseline'] = { name: 'random init', value: 0.382, interval: [0.37, 0.39] },
): EventBody {
  const interval = [top1 - 0.01, top1 + 0.01] as const;
  return {
    type: 'evaluation',
    step,
    evaluation: {
      kind: 'probe',
      protocol: 'linear',
      labels: 1,
      trainImages: 1000,
      testImages: 500,
      classes: 10,
      comparison: {
        metric: 'accuracy',
        score: { value: top1, interval },
        baseline,
        gain: { value: top1 - baseline.value, interval: [0.3, 0.35] },
      },
      seconds: 12,
      ...overrides,
    },
  };
}
