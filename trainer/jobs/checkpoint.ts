/**
 * Checkpoints: `checkpoints/step-000500/` with the weights, the optimizer's moments, and `state.json`, which
 * has their checksums. One is written in a temporary folder, synced and renamed, so that it is there
 * whole or not at all; it is verified whenever it is read.
 */
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { readJson, RunFileError } from '../../client/files';
import { checkpointName, checkpointPath } from '../../client/index';
import type { ExperimentConfig } from '../../protocol/config';
import { modelDifference, modelOf, type ModelPart } from '../../protocol/model';
import type { Statistics } from '../data/index';
import type { HostTensors, Specs } from '../engine/types';
import { OPTIMIZER_PREFIX } from '../nn/optimizer';
import { readSafetensors, writeSafetensors } from './safetensors';
import { describeDiskError, makeFolder, writeFileSynced } from './synced';

const fileFacts = z.object({ sha256: z.string(), bytes: z.int().min(0) });
const perChannel = z.tuple([z.number(), z.number(), z.number()]);
const stateSchema = z.object({
  version: z.literal(1),
  step: z.int().min(0),
  /** Continuing on another engine trains on, but not bit for bit the same. */
  engine: z.string(),
  /** Per channel, of values in [0, 1]: what images are normalised with before they enter the encoder. */
  normalization: z.object({ mean: perChannel, std: perChannel }),
  /** Absent in checkpoints of versions that did not write it. */
  origin: z.object({ runId: z.string(), model: z.record(z.string(), z.unknown()) }).optional(),
  model: fileFacts,
  optimizer: fileFacts,
});

/**
 * What a checkpoint is of. Shapes do not tell all of it: attention heads and the size of images leave none in the
 * weights, and another run of the same config has the same.
 */
export interface Origin {
  readonly runId: string;
  readonly model: ModelPart;
}

export const originOf = (runId: string, config: ExperimentConfig): Origin => ({ runId, model: modelOf(config) });

export interface SavedCheckpoint {
  readonly step: number;
  /** Relative to the run directory. */
  readonly path: string;
  readonly bytes: number;
}

export interface LoadedCheckpoint {
  readonly step: number;
  /** Relative to the run directory. */
  readonly path: string;
  readonly bytes: number;
  readonly engine: string;
  readonly normalization: Statistics;
  readonly state: HostTensors;
  /** Of the model's file. */
  readonly sha256: string;
}

/** Writes a checkpoint; one of the same step is replaced. On an error nothing of it is left. */
export async function saveCheckpoint(
  directory: string,
  step: number,
  { engine, mean, std, origin }: Statistics & { readonly engine: string; readonly origin: Origin },
  state: HostTensors,
): Promise<SavedCheckpoint> {
  const folder = join(directory, 'checkpoints');
  const temporary = join(folder, `.writing-${checkpointName(step)}`);
  const path = checkpointPath(step);
  const part = (inOptimizer: boolean) =>
    Object.fromEntries(Object.entries(state).filter(([name]) => name.startsWith(OPTIMIZER_PREFIX) === inOptimizer));
  try {
    await rm(temporary, { recursive: true, force: true });
    await makeFolder(folder);
    await mkdir(temporary);
    const model = await writeSafetensors(join(temporary, 'model.safetensors'), part(false), { step: String(step) });
    const optimizer = await writeSafetensors(join(temporary, 'optimizer.safetensors'), part(true));
    const facts = { version: 1, step, engine, normalization: { mean, std }, origin, model, optimizer };
    await writeFileSynced(join(temporary, 'state.json'), JSON.stringify(facts, null, 2));
    await rm(join(directory, path), { recursive: true, force: true });
    await rename(temporary, join(directory, path));
    await syncFolder(folder);
    return { step, path, bytes: model.bytes + optimizer.bytes };
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw new Error(`Cannot write ${path} in ${directory}: ${describeDiskError(error)}`, { cause: error });
  }
}

/** The steps that have a checkpoint folder, ascending. */
export async function checkpointSteps(directory: string): Promise<number[]> {
  const names = await readdir(join(directory, 'checkpoints')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .map((name) => /^step-(\d{6,})$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/** What a checkpoint must be of, and the state that it must have. */
export interface Wanted {
  readonly origin: Origin;
  readonly specs: Specs;
}

/**
 * Reads a checkpoint and verifies what it is of, its checksums, names, shapes and dtypes.
 *
 * @param part `model` leaves the optimizer's moments unread.
 * @param specs what the config asks for.
 */
export async function loadCheckpoint(
  directory: string,
  step: number,
  { specs, origin }: Wanted,
  part: 'model' | 'all' = 'all',
): Promise<LoadedCheckpoint> {
  const folder = join(directory, checkpointPath(step));
  const stateFile = join(folder, 'state.json');
  const facts = await readJson(stateFile, stateSchema);
  if (!facts) throw new RunFileError(stateFile, 'does not exist, so this is not a checkpoint');
  if (facts.step !== step) throw new RunFileError(stateFile, `is of step ${facts.step}, in the folder of step ${step}`);
  if (facts.origin) checkOrigin(stateFile, facts.origin, origin);

  const state: [string, HostTensors[string]][] = [];
  for (const name of part === 'model' ? (['model'] as const) : (['model', 'optimizer'] as const)) {
    const file = join(folder, `${name}.safetensors`);
    const { tensors, sha256 } = await readSafetensors(file);
    if (sha256 !== facts[name].sha256)
      throw new RunFileError(
        file,
        'is damaged: its checksum is not the one written. Put back a copy, or take another checkpoint',
      );
    state.push(...Object.entries(tensors));
  }
  const loaded = Object.fromEntries(state);
  const wanted = Object.entries(specs).filter(([name]) => part === 'all' || !name.startsWith(OPTIMIZER_PREFIX));
  checkShapes(folder, loaded, Object.fromEntries(wanted));
  const bytes = facts.model.bytes + facts.optimizer.bytes;
  const { engine, normalization } = facts;
  return { step, path: checkpointPath(step), bytes, engine, normalization, state: loaded, sha256: facts.model.sha256 };
}

/** A checkpoint that is whole, but of another model or run. */
class ForeignError extends RunFileError {}

function checkOrigin(file: string, { runId, model }: Origin, wanted: Origin): void {
  if (runId !== wanted.runId) {
    const fix = `put back the one that this run wrote, or name ${runId} instead`;
    throw new ForeignError(file, `is of the run ${runId}, in the folder of ${wanted.runId}: ${fix}`);
  }
  const changed = modelDifference(model, wanted.model);
  if (!changed) return;
  const { path, value, other } = changed;
  const now = other === undefined ? 'leaves it out' : `says ${other}`;
  const fix = `put ${value} back into run.json, or start a new run`;
  throw new ForeignError(file, `is of a model whose "${path}" is ${value}, but run.json ${now}: ${fix}`);
}

function shapeError(folder: string, tensor: string, problem: string): ForeignError {
  const isEncoder = /^(buffer\.)?(teacher\.)?encoder\./.test(tensor);
  const other = isEncoder ? 'backbone than `pretrain.backbone`' : 'method or head than `pretrain`';
  const fix = 'put back the config that the run began with in run.json, or start a new run';
  return new ForeignError(folder, `${problem}. It has another ${other} of the config: ${fix}`);
}

function checkShapes(folder: string, loaded: HostTensors, wanted: Specs) {
  const say = ({ shape, dtype }: Specs[string]) => `${dtype} [${shape.join(', ')}]`;
  for (const [name, spec] of Object.entries(wanted)) {
    const tensor = Object.hasOwn(loaded, name) ? loaded[name] : undefined;
    if (!tensor) throw shapeError(folder, name, `has no "${name}", which the config's model has`);
    if (say(tensor) !== say(spec)) {
      throw shapeError(folder, name, `"${name}" is ${say(tensor)}, but the config's model has ${say(spec)}`);
    }
  }
  const unknown = Object.keys(loaded).find((name) => !Object.hasOwn(wanted, name));
  if (unknown) throw shapeError(folder, unknown, `has "${unknown}", which the config's model has not`);
}

export interface Newest {
  readonly checkpoint?: LoadedCheckpoint;
  /** Checkpoints that were newer, and why they cannot be used. They are moved aside, not deleted. */
  readonly damaged: readonly { readonly step: number; readonly reason: string }[];
}

/**
 * The newest checkpoint that is whole; none when there is none at all. Throws when there are some and none can be
 * used, and when a whole one is of another model than the config's, or of another run.
 */
export async function newestCheckpoint(directory: string, wanted: Wanted): Promise<Newest> {
  const damaged: { step: number; reason: string }[] = [];
  const steps = await checkpointSteps(directory);
  for (const step of steps.toReversed()) {
    try {
      const checkpoint = await loadCheckpoint(directory, step, wanted);
      for (const { step } of damaged) {
        const aside = join(directory, 'checkpoints', `.damaged-${checkpointName(step)}`);
        await rm(aside, { recursive: true, force: true });
        await rename(join(directory, checkpointPath(step)), aside);
      }
      return { checkpoint, damaged };
    } catch (error) {
      if (error instanceof ForeignError) throw error;
      damaged.push({ step, reason: (error as Error).message });
    }
  }
  if (damaged.length === 0) return { damaged };
  const reasons = damaged.map(({ reason }) => `\n  ${reason}`).join('');
  throw new Error(`No checkpoint of this run can be used; start a new run.${reasons}`);
}

/** Deletes all but the newest `keep` checkpoints and those in `always`. Returns the deleted steps. */
export async function pruneCheckpoints(
  directory: string,
  keep: number,
  always: ReadonlySet<number>,
): Promise<number[]> {
  const surplus = (await checkpointSteps(directory)).slice(0, -keep).filter((step) => !always.has(step));
  for (const step of surplus) await rm(join(directory, checkpointPath(step)), { recursive: true, force: true });
  return surplus;
}

/** A rename is on the disk once its folder is. Windows cannot sync folders and does not need to. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}
