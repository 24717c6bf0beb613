/** A run as everything shows it, and the one reducer that makes it from events. */
import type { EvaluationKind, Evaluation, Job, RunEvent, RunManifest, RunStatus, Traffic } from './events';

export interface MetricSeries {
  /** Strictly increasing. */
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

export interface Checkpoint {
  readonly step: number;
  readonly path: string;
  readonly bytes: number;
  readonly time: number;
}

export interface ScoredCheckpoint {
  readonly step: number;
  readonly time: number;
  readonly evaluation: Evaluation;
  /** Its pictures, relative to the run directory. */
  readonly file?: string;
}

/** An evaluation that came to its end: of which checkpoint, by which settings and which images. There are several of a kind where settings differed. */
export interface Evaluated {
  readonly step: number;
  readonly kind: EvaluationKind;
  readonly key: string;
  readonly images?: string;
}

export interface Notice {
  readonly level: 'info' | 'warning' | 'error';
  readonly message: string;
  readonly cause?: string;
  readonly time: number;
}

export interface Run {
  readonly manifest: RunManifest;
  readonly status: RunStatus;
  readonly reason?: string;
  readonly pid?: number;
  /** What the last process came to do. */
  readonly job?: Job;
  readonly engine?: string;
  readonly fallback?: string;
  readonly traffic?: Traffic;
  /** Optimizer updates done, as far as logged. */
  readonly step: number;
  readonly totalSteps: number;
  readonly startedAt?: number;
  readonly updatedAt: number;
  /** By metric key. */
  readonly metrics: Readonly<Record<string, MetricSeries>>;
  readonly checkpoints: readonly Checkpoint[];
  readonly pictures: readonly { readonly step: number; readonly file: string }[];
  /** Ascending. */
  readonly embeddings: readonly { readonly step: number; readonly file: string; readonly kl: number }[];
  readonly evaluations: readonly ScoredCheckpoint[];
  readonly evaluated: readonly Evaluated[];
  /** The newest report: its file, relative to the run directory, and what its suite could not do. */
  readonly report?: { readonly file: string; readonly leftOut: readonly string[] };
  /** The evaluation under way. */
  readonly evaluating?: {
    readonly step: number;
    readonly kind: EvaluationKind;
    readonly done: number;
    readonly message: string;
  };
  readonly notices: readonly Notice[];
  /** `seq` of the last event applied; -1 before the first. Events at or below it are duplicates. */
  readonly seq: number;
}

export function emptyRun(manifest: RunManifest): Run {
  return {
    manifest,
    status: 'interrupted',
    step: 0,
    totalSteps: 0,
    updatedAt: manifest.createdAt,
    metrics: {},
    checkpoints: [],
    pictures: [],
    embeddings: [],
    evaluations: [],
    evaluated: [],
    notices: [],
    seq: -1,
  };
}

/**
 * The run after one more event. Total: any event that was written gives a run. Applying an
 * event twice changes nothing. Arrays of metric series are shared and appended in place, so
 * a run must be owned by one store and never kept as a snapshot.
 */
export function applyEvent(run: Run, event: RunEvent): Run {
  if (event.seq <= run.seq) return run;
  const next = { ...run, ...change(run, event), seq: event.seq, updatedAt: event.time };
  return next;
}

function change(run: Run, event: RunEvent): Partial<Run> {
  switch (event.type) {
    case 'launched': {
      const owner = {
        pid: event.pid,
        job: event.job,
        engine: event.engine,
        fallback: event.fallback,
        traffic: event.traffic,
        evaluating: undefined,
      };
      // Evaluating a finished run does not make it unfinished.
      if (event.job === 'evaluate') return owner;
      const kept = <T extends { readonly step: number }>(items: readonly T[]) =>
        items.filter(({ step }) => step <= event.fromStep);
      return {
        ...owner,
        status: 'running',
        reason: undefined,
        startedAt: run.startedAt ?? event.time,
        step: event.fromStep,
        totalSteps: event.totalSteps,
        metrics: upToStep(run.metrics, event.fromStep),
        checkpoints: kept(run.checkpoints),
        pictures: kept(run.pictures),
        embeddings: kept(run.embeddings),
        evaluations: kept(run.evaluations),
        evaluated: kept(run.evaluated),
      };
    }
    case 'status':
      return {
        status: event.status,
        reason: event.reason,
        ...(event.status === 'paused' ? {} : { evaluating: undefined }),
      };
    case 'metrics':
      return { step: Math.max(run.step, event.step), metrics: appended(run.metrics, event.step, event.values) };
    case 'pictures':
      return { pictures: [...run.pictures, { step: event.step, file: event.file }] };
    case 'embedding':
      return { embeddings: withMap(run.embeddings, { step: event.step, file: event.file, kl: event.kl }) };
    case 'checkpoint': {
      const { step, path, bytes, time, removed } = event;
      const others = run.checkpoints.filter((c) => c.step !== step && !removed.includes(c.step));
      return { step: Math.max(run.step, step), checkpoints: [...others, { step, path, bytes, time }] };
    }
    case 'evaluating':
      return { evaluating: { step: event.step, kind: event.kind, done: event.done, message: event.message } };
    case 'evaluation': {
      const { step, time, evaluation, file } = event;
      const others = run.evaluations.filter(
        (scored) => scored.step !== step || !sameRow(scored.evaluation, evaluation),
      );
      return { evaluating: undefined, evaluations: [...others, { step, time, evaluation, file }] };
    }
    case 'evaluated': {
      const { step, kind, key, images } = event;
      // By other settings it may be done as well.
      const others = run.evaluated.filter((done) => done.step !== step || done.kind !== kind || done.key !== key);
      return { evaluating: undefined, evaluated: [...others, { step, kind, key, ...(images && { images }) }] };
    }
    case 'report':
      return { report: { file: event.file, leftOut: event.leftOut } };
    case 'notice':
      return { notices: [...run.notices, noticeOf(event)] };
  }
}

/** One map a step, ascending: an evaluation may draw one of a step that has one, or of an earlier one. */
function withMap(maps: Run['embeddings'], map: Run['embeddings'][number]): Run['embeddings'] {
  return [...maps.filter(({ step }) => step < map.step), map, ...maps.filter(({ step }) => step > map.step)];
}

/** Asked again, the same question has one answer. */
const sameRow = (a: Evaluation, b: Evaluation) =>
  a.kind === b.kind && a.variant === b.variant && a.labels === b.labels && a.protocol === b.protocol;

function noticeOf({ level, message, cause, time }: Extract<RunEvent, { type: 'notice' }>): Notice {
  return { level, message, ...(cause === undefined ? {} : { cause }), time };
}

function appended(metrics: Run['metrics'], step: number, values: Readonly<Record<string, number>>): Run['metrics'] {
  const next: Record<string, MetricSeries> = { ...metrics };
  for (const [key, value] of Object.entries(values)) {
    // A key may be called as a method of every object is.
    const series = Object.hasOwn(next, key) ? next[key]! : { steps: [], values: [] };
    (series.steps as number[]).push(step);
    (series.values as number[]).push(value);
    next[key] = series;
  }
  return next;
}

function upToStep(metrics: Run['metrics'], step: number): Run['metrics'] {
  return Object.fromEntries(
    Object.entries(metrics).map(([key, series]) => {
      const count = series.steps.filter((s) => s <= step).length;
      return [key, { steps: series.steps.slice(0, count), values: series.values.slice(0, count) }];
    }),
  );
}

/**
 * Whether a run that has ended can go on: from its newest checkpoint, or from the start where there is none. What
 * failed before its first checkpoint would only fail again.
 */
export function canGoOn({ checkpoints }: Run, status: RunStatus | 'crashed'): boolean {
  return status !== 'finished' && (checkpoints.length > 0 || status !== 'failed');
}

/** Whether it ran on a GPU last, which a run can do without. */
export const isOnGpu = ({ engine = '' }: Run): boolean => /WebGPU|CUDA/.test(engine);

export function latest(run: Run, key: string): number | undefined {
  return run.metrics[key]?.values.at(-1);
}

/** The warnings that still stand: of each cause the last word is a warning. */
export function standingWarnings({ notices }: Run): (Notice & { readonly cause: string })[] {
  const last = new Map<string, Notice & { readonly cause: string }>();
  for (const notice of notices) {
    const { cause } = notice;
    if (cause !== undefined) last.set(cause, { ...notice, cause });
  }
  return [...last.values()].filter(({ level }) => level === 'warning');
}
