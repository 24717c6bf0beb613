/**
 * Methods x engines: the training step of every example, and with a residual network where the method takes one, on each
 * engine. Does it compile, are loss and state after two updates those of the reference, and how long does a step take?
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createEngine } from '../trainer/engine/index';
import { specsOf } from '../trainer/engine/shapes';
import { tensorflowFolder } from '../trainer/jobs/engines-folder';
import type { DeviceState, Engine, EngineOptions, HostTensors, TypedArray } from '../trainer/engine/types';
import { createMethod } from '../trainer/methods/index';
import { noiseInputs, trainingProgram } from '../trainer/methods/training';
import { random } from '../trainer/random/random';
import { PretrainConfig } from '../protocol/config';
import { parseExperiment } from '../protocol/validate';
import { median } from './median';

/** Small ones: the reference computes in plain JavaScript, WebGPU on a software adapter. */
const BATCH = { vit: 4, resnet18: 4, resnet50: 4 };
const STEPS = 2;
/** Of losses and of each tensor of the state: ‖difference‖ / ‖what the reference has‖. */
const TOLERANCE = 1e-3;
const SHAKES = 10;

const engines: readonly EngineOptions[] = [
  { engine: 'onnx', device: 'cpu', threads: 2 },
  { engine: 'onnx', device: 'wasm', threads: 2 },
  { engine: 'onnx', device: 'webgpu' },
  // Only where it is installed.
  ...(existsSync(tensorflowFolder())
    ? [{ engine: 'tensorflow', device: 'cpu', folder: tensorflowFolder() } as const]
    : []),
];

/** With a narrow network, for the reference's sake. */
const backbone = { type: 'resnet18', stem: 'cifar', width: 8 };
const residual: Readonly<Record<string, object>> = {
  rotation: { method: 'rotation', backbone },
  jigsaw: { method: 'jigsaw', grid: 2, permutations: 24, backbone },
  simclr: { method: 'simclr', backbone, projector: { hidden: 64, output: 32 } },
  'moco v2': { method: 'moco', version: 'v2', queue: 32, backbone, projector: { hidden: 64, output: 32 } },
  dino: { method: 'dino', backbone, head: { hidden: 64, bottleneck: 32, prototypes: 64 }, localSize: 16 },
};

interface Case {
  readonly name: string;
  readonly imageSize: number;
  readonly pretrain: PretrainConfig;
}

interface Row {
  readonly method: string;
  readonly batch: number;
  readonly engine: string;
  readonly compiles: boolean;
  readonly matches: boolean | null;
  readonly lossError: number | null;
  /** The largest one, of those tensors that are not rounding alone. */
  readonly stateError: number | null;
  readonly worst: string;
  /** Tensors that are. */
  readonly rounding: string;
  /** The largest one of the engine beside itself, with weights a few roundings away, in some draws; of the CPU's, which is quick. */
  readonly ownError: number | null;
  readonly msPerStep: number | null;
}

/** Lets ONNX Runtime find a software adapter where a Debian has one; to be in place when a process starts. */
export function withSoftwareGpu(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const folder = '/usr/lib/chromium';
  const driver = join(folder, 'vk_swiftshader_icd.json');
  if (env.VK_ICD_FILENAMES || !existsSync(driver)) return env;
  return { ...env, LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: driver };
}

export async function enginesTable({ only = '' }: { only?: string }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const one of (await cases()).filter(({ name }) => name.includes(only))) {
    const expected = await reference(one);
    rows.push(expected.row);
    for (const options of engines) {
      const row = await tried(one, options, expected);
      rows.push(row);
      console.log(Object.values(row).join(' | '));
    }
  }
  console.table(rows);
  return rows;
}

async function cases(): Promise<Case[]> {
  const files = (await readdir('examples')).filter((file) => file.endsWith('.tessera.jsonc')).sort();
  const examples = files.map(async (file): Promise<Case> => {
    const parsed = parseExperiment(await readFile(join('examples', file), 'utf8'));
    if (!parsed.ok) throw new Error(`examples/${file}: ${parsed.problems[0]!.message}`);
    const { data, pretrain } = parsed.config;
    return { name: basename(file, '.tessera.jsonc'), imageSize: data.imageSize, pretrain: narrowed(pretrain) };
  });
  const others = Object.entries(residual).map(([name, pretrain]) => ({
    name: `${name}, ResNet-18`,
    imageSize: 32,
    pretrain: narrowed(PretrainConfig.parse(pretrain)),
  }));
  return [...(await Promise.all(examples)), ...others];
}

/** Of each of the first updates. */
interface Update {
  readonly from: HostTensors;
  readonly loss: number;
  readonly to: HostTensors;
}

interface Expected {
  readonly row: Row;
  readonly updates: readonly Update[];
  /**
   * Names of tensors that are rounding and little else: biases of attention's keys, which a softmax does not see; means of what
   * is centred already. The reference shows which, when it is run again with its weights a few roundings away: of those
   * nothing can be asked.
   */
  readonly rounding: ReadonlySet<string>;
}

async function reference(one: Case): Promise<Expected> {
  const engine = await createEngine({ engine: 'reference' });
  const { msPerStep, updates } = await measured(engine, one);
  const shaken = await measured(engine, one, updates.map(shakenBy(0)));
  const rounding = new Set(
    errorsOf(shaken.updates, updates).flatMap(({ name, error }) => (error > TOLERANCE / 10 ? [name] : [])),
  );
  return { updates, rounding, row: { ...rowOf(one, 'reference'), compiles: true, msPerStep } };
}

/** Where an update began, with every weight up to a few roundings away. */
const shakenBy =
  (seed: number) =>
  ({ from }: Update): HostTensors =>
    mapped(from, (data) => {
      if (data instanceof Int32Array) return data;
      const draws = random(seed, 'shaken', data.length);
      return data.map((value) => value * (1 + 2 ** -21 * (2 * draws.uniform() - 1)));
    });

const mapped = (tensors: HostTensors, f: (data: TypedArray) => TypedArray): HostTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, { data, ...like }]) => [name, { ...like, data: f(data) }]));

async function tried(one: Case, options: EngineOptions, expected: Expected): Promise<Row> {
  const row = rowOf(one, `${options.engine} ${options.device}`);
  let engine: Engine | undefined;
  try {
    engine = await createEngine(options);
    const { msPerStep, updates } = await measured(engine, one, expected.updates.map(({ from }) => from)); // prettier-ignore
    const ownErrors: number[] = [];
    for (let seed = 0; engine.device === 'cpu' && seed < SHAKES; seed++) {
      const shaken = await measured(engine, one, updates.map(shakenBy(seed)));
      ownErrors.push(compared(shaken.updates, { ...expected, updates }).stateError);
    }
    const ownError = ownErrors.length === 0 ? null : Math.max(...ownErrors);
    return { ...row, compiles: true, ...compared(updates, expected), ownError, msPerStep };
  } catch (error) {
    return { ...row, worst: (error as Error).message };
  } finally {
    engine?.dispose();
  }
}

const rowOf = ({ name, pretrain }: Case, engine: string): Row => ({
  method: name,
  batch: pretrain.batchSize,
  engine,
  compiles: false,
  matches: null,
  lossError: null,
  stateError: null,
  worst: '',
  rounding: '',
  ownError: null,
  msPerStep: null,
});

/** A smaller batch, and a residual network as narrow as the others: neither changes what is computed. */
function narrowed(pretrain: PretrainConfig): PretrainConfig {
  const { backbone } = pretrain;
  const batchSize = Math.min(pretrain.batchSize, BATCH[backbone.type]);
  return { ...pretrain, batchSize, backbone: backbone.type === 'vit' ? backbone : { ...backbone, width: 8 } };
}

/**
 * Two updates, each from a state that is given, so that what is small stays small: after an update of its own a unit that
 * is almost 0 would pass its ReLU on one engine and not on the other. Without such states one goes on from the other.
 */
async function measured(engine: Engine, one: Case, starts: readonly HostTensors[] = []) {
  const method = createMethod(one.pretrain, one.imageSize);
  const { batchSize, optimizer } = one.pretrain;
  const { step, fresh, inputs } = trainingProgram(method, one.pretrain, 0);
  const program = await engine.compile(step, { state: specsOf(fresh), inputs });
  const learningRate = (optimizer.baseLr * batchSize) / 256;
  const times: number[] = [];
  const run = async (state: DeviceState, at: number) => {
    const given = noiseInputs(method, batchSize, 0, { step: at, learningRate });
    const began = performance.now();
    const { loss } = await program.run(state, given);
    times.push(performance.now() - began);
    return loss!.data[0]!;
  };
  const updates: Update[] = [];
  for (let at = 0; at < STEPS; at++) {
    const from = starts[at] ?? updates.at(-1)?.to ?? fresh;
    const state = engine.upload(from);
    const loss = await run(state, at);
    updates.push({ from, loss, to: await state.read() });
    state.dispose();
  }
  const state = engine.upload(fresh);
  for (let at = 0; at < timed(engine); at++) await run(state, at);
  state.dispose();
  program.dispose();
  return { updates, msPerStep: median(times.slice(-Math.max(1, timed(engine)))) };
}

/** Steps that are timed besides those two, where they do not take long. */
const timed = ({ name, device }: Engine) => (name !== 'reference' && device !== 'webgpu' ? 9 : 0);

/** Of each tensor after each update. */
const errorsOf = (actual: readonly Update[], expected: readonly Update[]) =>
  expected.flatMap(({ to }, i) =>
    Object.entries(to).map(([name, { data }]) => ({ name, error: relative(actual[i]!.to[name]!.data, data) })),
  );

/** Loss and state beside what is expected. */
function compared(actual: readonly Update[], { updates, rounding }: Pick<Expected, 'updates' | 'rounding'>) {
  const steady = errorsOf(actual, updates).filter(({ name }) => !rounding.has(name));
  const worst = steady.reduce((most, one) => (one.error > most.error ? one : most));
  const losses = (of: readonly Update[]) => of.map(({ loss }) => loss);
  const lossError = relative(losses(actual), losses(updates));
  return {
    matches: Math.max(lossError, worst.error) <= TOLERANCE,
    lossError,
    stateError: worst.error,
    worst: worst.name,
    rounding: `${rounding.size} of ${Object.keys(updates[0]!.to).length}`,
  };
}

function relative(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const norm = (values: ArrayLike<number>) => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
  const difference = norm(Array.from(expected, (value, i) => value - actual[i]!));
  return difference === 0 ? 0 : difference / norm(expected);
}
