/**
 * ONNX Runtime's C API, as far as running a step on the CPU takes. The package's own Node binding copies everything that
 * a run returns into new arrays; a training step returns its whole state, and copying and collecting that took up to a
 * tenth of its time. Here a run reads and writes memory that stays where it is.
 */
import koffi, { type LibraryHandle } from 'koffi';
import { kernelsFile } from './kernels';
import { nativeLibrary } from './native-library';
import { size } from './shapes';
import type { TensorSpec, TypedArray } from './types';

/** A tensor over memory of ours: what `data` holds is what a session reads and writes. */
export interface NativeTensor {
  readonly data: TypedArray;
  readonly handle: Pointer;
  dispose(): void;
}

export interface NativeSession {
  /** Runs the graph on the inputs, by name, and writes its results into the outputs. */
  run(inputs: ReadonlyMap<string, Handled>, outputs: ReadonlyMap<string, Handled>): void;
  dispose(): void;
}

/** What a session reads or writes, wherever it is. */
export type Handled = Pick<NativeTensor, 'handle'>;

/** What runs graphs on such tensors: this, or the same on WebAssembly (wasm.ts). */
export interface CpuRuntime {
  /** For people: "onnxruntime 1.30.0, CPU, 2 threads". */
  readonly description: string;
  /** What this engine's own kernels use of the processor, "avx512", where its graphs may name them. */
  readonly kernels?: string;
  /** A tensor of zeros, or over `data`, where that can be; otherwise with its values. */
  createTensor(spec: TensorSpec, data?: TypedArray): NativeTensor;
  /** Compiles a model. */
  createSession(model: Uint8Array): NativeSession;
}

export type Pointer = unknown;
type Status = Pointer;

/** The version of the C API that is asked for; every later runtime has it too. */
const API_VERSION = 20;

/** Where in the table of functions, which is only ever appended to, those are that are used here. */
const signatures = {
  getErrorMessage: [2, 'const char *(void *status)'],
  createEnv: [3, 'void *(int logLevel, const char *id, _Out_ void **env)'],
  createSession: [8, 'void *(void *env, const void *model, size_t bytes, void *options, _Out_ void **session)'],
  run: [
    9,
    'void *(void *session, void *options, const char **inputNames, void **inputs, size_t inputCount, ' +
      'const char **outputNames, size_t outputCount, void **outputs)',
  ],
  createSessionOptions: [10, 'void *(_Out_ void **options)'],
  enableProfiling: [14, `void *(void *options, const ${process.platform === 'win32' ? 'char16_t' : 'char'} *prefix)`],
  disableMemPattern: [17, 'void *(void *options)'],
  setOptimizationLevel: [23, 'void *(void *options, int level)'],
  setIntraOpThreads: [24, 'void *(void *options, int threads)'],
  createTensorOnDevice: [
    48,
    'void *(void *allocator, const int64_t *shape, size_t rank, int type, _Out_ void **tensor)',
  ],
  createTensor: [
    49,
    'void *(void *memory, void *data, size_t bytes, const int64_t *shape, size_t rank, int type, _Out_ void **tensor)',
  ],
  createMemory: [68, 'void *(const char *name, int allocator, int id, int type, _Out_ void **memory)'],
  createCpuMemory: [69, 'void *(int allocator, int type, _Out_ void **memory)'],
  releaseStatus: [93, 'void (void *status)'],
  registerOps: [29, 'void *(void *options, const char *library, _Out_ void **handle)'],
  releaseMemory: [94, 'void (void *memory)'],
  releaseSession: [95, 'void (void *session)'],
  releaseTensor: [96, 'void (void *tensor)'],
  releaseSessionOptions: [100, 'void (void *options)'],
  addConfigEntry: [130, 'void *(void *options, const char *key, const char *value)'],
  createAllocator: [131, 'void *(void *session, void *memory, _Out_ void **allocator)'],
  releaseAllocator: [132, 'void (void *allocator)'],
  registerAllocator: [144, 'void *(void *env, void *memory, void *arena)'],
  releaseArenaConfig: [157, 'void (void *arena)'],
  createArenaConfig: [164, 'void *(const char **keys, const size_t *values, size_t count, _Out_ void **arena)'],
  appendProvider: [
    216,
    'void *(void *options, const char *name, const char **keys, const char **values, size_t count)',
  ],
} as const;
const TABLE_LENGTH = 217;

const LOG_ERRORS = 3;
const NO_OPTIMIZATIONS = 0;
export const ALL_OPTIMIZATIONS = 99;
const ARENA = 1;
const DEFAULT_MEMORY = 0;
export const elementTypes = { float32: 1, int32: 6 };

type Api = Readonly<Record<keyof typeof signatures, (...args: unknown[]) => unknown>>;
export interface Runtime {
  /** Held for as long as its functions are: koffi unloads a library that nothing refers to. */
  readonly library: LibraryHandle;
  readonly version: string;
  readonly api: Api;
  readonly env: Pointer;
  readonly memory: Pointer;
}
let loaded: Runtime | undefined;

/** Loads the library on first use; throws when this platform's is not there. */
export function runtime(): Runtime {
  if (loaded) return loaded;
  const library = koffi.load(nativeLibrary());
  const getBase = library.func('void *OrtGetApiBase()');
  const [getApi, getVersion] = koffi.decode(getBase(), koffi.array('void *', 2)) as [Pointer, Pointer];
  const version = koffi.call(getVersion, koffi.proto('const char *()')) as string;
  const table: Pointer = koffi.call(getApi, koffi.proto('void *(uint32_t)'), API_VERSION);
  if (table === null) throw new Error(`onnxruntime ${version} has no C API of version ${API_VERSION}`);
  const functions = koffi.decode(table, koffi.array('void *', TABLE_LENGTH)) as Pointer[];
  const api = Object.fromEntries(
    Object.entries(signatures).map(([name, [at, signature]]) => {
      const prototype = koffi.proto(signature);
      return [name, (...args: unknown[]): unknown => koffi.call(functions[at], prototype, ...args)];
    }),
  ) as Api;
  const env = made(api, (out) => api.createEnv(LOG_ERRORS, 'tessera', out));
  const memory = made(api, (out) => api.createCpuMemory(ARENA, DEFAULT_MEMORY, out));
  registerArena(api, env, memory);
  return (loaded = { library, version, api, env, memory });
}

/**
 * By default the runtime gives a free block of memory away whole, be it nearly twice what is asked for. From this many bytes
 * on the rest is kept for another.
 */
const LEAST_KEPT_BYTES = 1 << 16;

/** The memory of all CPU sessions that ask for it, which one leaves to the next; the system has it back when the process ends. */
function registerArena(api: Api, env: Pointer, memory: Pointer): void {
  const arena = made(api, (out) => api.createArenaConfig(['max_dead_bytes_per_chunk'], [LEAST_KEPT_BYTES], 1, out));
  try {
    check(api, api.registerAllocator(env, memory, arena));
  } finally {
    api.releaseArenaConfig(arena);
  }
}

/**
 * A thread with nothing to do spins this long (by default far longer) before it sleeps: beside an editor or another run,
 * spinning takes away the core that the step is waiting for.
 */
const SPIN_MICROSECONDS = 20;

export const runtimeVersion = () => runtime().version;

/**
 * With this engine's own kernels, where they are wanted, were built, and can run on this processor; says what it has.
 * Throws when this platform's library is not there or does not load.
 */
export function nativeRuntime(threads: number, wantsKernels: boolean): CpuRuntime {
  const kernels = wantsKernels ? loadKernels() : undefined;
  const own = kernels ? `${kernels.instructions} kernels` : 'no kernels of its own';
  return {
    description: `onnxruntime ${runtimeVersion()}, CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${own}`,
    kernels: kernels?.instructions,
    createTensor,
    createSession: (model) => createSession(model, threads, kernels?.file),
  };
}

/** What the kernels use of this processor, "avx512"; undefined where they were not built or it has nothing that they can use. */
function loadKernels(): { readonly file: string; readonly instructions: string } | undefined {
  const file = kernelsFile();
  if (file === undefined) return undefined;
  const instructions = koffi.load(file).func('const char *tesseraKernels()')() as string | null;
  return instructions === null ? undefined : { file, instructions };
}

/** Bytes up to which V8 may keep an array on its heap, where it moves, with much to spare. */
const SMALL = 4096;

/** A tensor of zeros, or over `given`, where that stays where it is; otherwise with its values. */
export function createTensor({ shape, dtype }: TensorSpec, given?: TypedArray): NativeTensor {
  const { api, memory } = runtime();
  const bytes = size(shape) * Float32Array.BYTES_PER_ELEMENT;
  let data = given && given.byteLength > SMALL ? given : undefined;
  if (!data) {
    const buffer = new ArrayBuffer(bytes);
    data = dtype === 'float32' ? new Float32Array(buffer) : new Int32Array(buffer);
    if (given) data.set(given);
  }
  const handle = made(api, (out) =>
    api.createTensor(memory, data, bytes, shape, shape.length, elementTypes[dtype], out),
  );
  return { data, handle, dispose: once(() => api.releaseTensor(handle)) };
}

/** Compiles a model for so many threads on each op. `ops` is a library of custom ones. */
function createSession(model: Uint8Array, threads: number, ops: string | undefined): NativeSession {
  // With ops of ours there is nothing that it would find, and it takes as long as all else.
  const level = ops === undefined ? ALL_OPTIMIZATIONS : NO_OPTIMIZATIONS;
  return configuredSession(model, level, (options, { api }) => {
    check(api, api.setIntraOpThreads(options, threads));
    check(api, api.addConfigEntry(options, 'session.intra_op.spin_duration_us', String(SPIN_MICROSECONDS)));
    check(api, api.addConfigEntry(options, 'session.use_env_allocators', '1'));
    if (ops !== undefined) made(api, (out) => api.registerOps(options, ops, out));
    // Written when the session ends, to a file whose name begins so.
    const { TESSERA_PROFILE: profile } = process.env;
    if (profile) check(api, api.enableProfiling(options, profile));
  });
}

/** Compiles a model with the session options that `configure` completes. */
export function configuredSession(
  model: Uint8Array,
  optimizations: number,
  configure: (options: Pointer, runtime: Runtime) => void,
): NativeSession & { readonly handle: Pointer } {
  const { api, env } = runtime();
  const options = made(api, (out) => api.createSessionOptions(out));
  try {
    check(api, api.setOptimizationLevel(options, optimizations));
    // After a first run all its memory would be allocated again, as one block: half as much again for a ResNet-18, no faster.
    check(api, api.disableMemPattern(options));
    configure(options, runtime());
    const session = made(api, (out) => api.createSession(env, model, model.byteLength, options, out));
    let released = false;
    return {
      handle: session,
      run(inputs, outputs) {
        if (released) throw new Error('the session has been disposed of');
        const handles = (tensors: ReadonlyMap<string, Handled>) => [...tensors.values()].map(({ handle }) => handle);
        check(
          api,
          api.run(
            ...[session, null, [...inputs.keys()], handles(inputs), inputs.size],
            ...[[...outputs.keys()], outputs.size, handles(outputs)],
          ),
        );
      },
      dispose: once(() => {
        released = true;
        api.releaseSession(session);
      }),
    };
  } finally {
    api.releaseSessionOptions(options);
  }
}

/** To release something twice would end the process. */
export function once(release: () => void): () => void {
  let left: (() => void) | undefined = release;
  return () => {
    left?.();
    left = undefined;
  };
}

/** What a function hands out through its last argument. */
export function made(api: Api, call: (out: [Pointer]) => Status): Pointer {
  const out: [Pointer] = [null];
  check(api, call(out));
  return out[0];
}

/** Throws what a status says, if it says anything. */
export function check(api: Api, status: Status): void {
  if (status === null) return;
  const message = api.getErrorMessage(status) as string;
  api.releaseStatus(status);
  throw new Error(message);
}
