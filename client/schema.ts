/**
 * The shapes of what a run directory holds, checked on reading: the files may be old, torn, edited
 * by hand or somebody else's. Kept equal to the protocol's types by `satisfies`.
 */
import * as z from 'zod';
import { evaluationKinds, type EventBody, type RunEvent, type RunManifest } from '../protocol/events';
import type { Owner } from '../protocol/control';

const count = z.int().min(0);
/** In milliseconds, up to the last that a `Date` can be. */
const time = z.number().min(0).max(8.64e15);
const score = { value: z.number(), interval: z.tuple([z.number(), z.number()]) };
const kind = z.enum(evaluationKinds);
/** A path that stays inside the folder that it is relative to. */
const inside = z
  .string()
  .min(1)
  .refine((path) => !/^([/\\]|[a-z]:)/i.test(path) && !path.split(/[/\\]/).includes('..'), {
    error: 'a path that leads out of its folder',
  });

/** No config nests as deep. Who shows or sends one that does would run out of stack. */
const MAX_DEPTH = 32;
function isShallow(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    level = level.flatMap((item): unknown[] => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return level.length === 0;
}

export const manifestSchema = z.object({
  version: z.literal(1),
  runId: z.string().min(1),
  experiment: z.string().min(1),
  configFile: inside,
  config: z.unknown().refine(isShallow, { error: `nested deeper than ${MAX_DEPTH}` }),
  createdAt: time,
  versions: z.record(z.string(), z.string()),
  git: z.object({ commit: z.string(), dirty: z.boolean() }).optional(),
  parent: z.string().optional(),
}) satisfies z.ZodType<RunManifest>;

export const ownerSchema = z.object({
  pid: z.int().min(1),
  startedAt: z.number(),
  host: z.string(),
  birth: z.string().optional(),
  socket: z.string().min(1),
  token: z.string().min(1),
}) satisfies z.ZodType<Owner>;

const evaluation = z.object({
  kind,
  variant: z.string().optional(),
  protocol: z.string(),
  labels: z.number(),
  trainImages: count,
  testImages: count,
  classes: count,
  comparison: z
    .object({
      metric: z.enum(['accuracy', 'loss']),
      score: z.object(score),
      baseline: z.object({ ...score, name: z.enum(['random init', 'from scratch']) }),
      gain: z.object(score),
    })
    .optional(),
  measures: z.record(z.string(), z.object({ score: z.number(), baseline: z.number().optional() })).optional(),
  seconds: z.number(),
});

const stamp = { seq: count, time };
const event = <Name extends EventBody['type'], Shape extends z.ZodRawShape>(type: Name, shape: Shape) =>
  z.object({ type: z.literal(type), ...stamp, ...shape });

export const eventSchema = z.discriminatedUnion('type', [
  event('launched', {
    job: z.enum(['pretrain', 'evaluate']),
    pid: count,
    fromStep: count,
    totalSteps: count,
    engine: z.string(),
    fallback: z.string().optional(),
    traffic: z.object({ uploaded: count, downloaded: count }).optional(),
  }),
  event('status', {
    status: z.enum(['running', 'paused', 'finished', 'failed', 'stopped', 'interrupted']),
    reason: z.string().optional(),
  }),
  event('metrics', { step: count, values: z.record(z.string(), z.number()) }),
  event('pictures', { step: count, file: inside }),
  event('embedding', { step: count, file: inside, kl: z.number() }),
  event('checkpoint', { step: count, path: inside, bytes: count, removed: z.array(count) }),
  event('evaluating', { step: count, kind, done: z.number(), message: z.string() }),
  event('evaluation', { step: count, evaluation, file: inside.optional() }),
  event('evaluated', { step: count, kind, key: z.string(), images: z.string().optional() }),
  event('report', { file: inside, leftOut: z.array(z.string()) }),
  event('notice', {
    level: z.enum(['info', 'warning', 'error']),
    message: z.string(),
    cause: z.string().optional(),
  }),
]) satisfies z.ZodType<RunEvent>;
