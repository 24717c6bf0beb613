/**
 * What native.ts does, for platforms that ONNX Runtime has no native build for: on WebAssembly, with tensors that stay in its
 * memory. onnxruntime-web's own interface copies all that a run is given and returns: for a training step, its whole state.
 */
import type { CpuRuntime, Handled, NativeSession, NativeTensor } from './native';
import { size } from './shapes';
import type { TensorSpec, TypedArray } from './types';
import { startWasmModule, type Address, type WasmModule } from './wasm-module';
import { memoryOf, NOWHERE, WORD, type WasmMemory } from './wasm-memory';

const LOG_ERRORS = 3;
const ALL_OPTIMIZATIONS = 99;
const SEQUENTIAL = 0;
const ON_CPU = 1;
const elementTypes = { float32: 1, int32: 6 };

const started = new Map<number, Promise<CpuRuntime>>();

/** The runtime with so many threads, which stays for as long as the process. Rejects when its files are not there. */
export function wasmRuntime(threads: number): Promise<CpuRuntime> {
  const runtime = started.get(threads) ?? start(threads);
  started.set(threads, runtime);
  return runtime;
}

async function start(threads: number): Promise<CpuRuntime> {
  const { module, version } = await startWasmModule(threads);
  const memory = memoryOf(module);
  memory.check(() => module._OrtInit(threads, LOG_ERRORS));
  return {
    description: `onnxruntime ${version}, WebAssembly, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    createTensor: (spec, data) => createTensor(module, memory, spec, data),
    createSession: (model) => createSession(module, memory, model),
  };
}

function createTensor(
  module: WasmModule,
  memory: WasmMemory,
  { shape, dtype }: TensorSpec,
  given?: TypedArray,
): NativeTensor {
  const count = size(shape);
  const bytes = count * WORD;
  const at = memory.allocate(bytes);
  const handle = memory.lend((put) => {
    const [type, sides] = [elementTypes[dtype], put.words(shape)];
    return memory.made(() => module._OrtCreateTensor(type, at, bytes, sides, shape.length, ON_CPU));
  });
  // Memory that threads share grows in place, so that what is an array over it now will be one then.
  const { buffer } = memory.bytes();
  const data = dtype === 'float32' ? new Float32Array(buffer, at, count) : new Int32Array(buffer, at, count);
  if (given) data.set(given);
  else data.fill(0);
  const release = () => {
    module._OrtReleaseTensor(handle);
    module._free(at);
  };
  return { data, handle, dispose: memory.once(release) };
}

function createSession(module: WasmModule, memory: WasmMemory, model: Uint8Array): NativeSession {
  const session = memory.lend((put) => {
    const about = [NOWHERE, put.text('step'), LOG_ERRORS, 0, NOWHERE] as const;
    // Without a memory pattern, as in native.ts.
    const options = memory.made(() =>
      module._OrtCreateSessionOptions(ALL_OPTIMIZATIONS, true, false, SEQUENTIAL, false, ...about),
    );
    try {
      const at = put.bytes(model);
      return memory.made(() => module._OrtCreateSession(at, model.byteLength, options));
    } finally {
      memory.once(() => module._OrtReleaseSessionOptions(options))();
    }
  });
  let released = false;
  const release = memory.once(() => module._OrtReleaseSession(session));
  return {
    run(inputs, outputs) {
      if (released) throw new Error('the session has been disposed of');
      memory.lend((put) => {
        const names = (tensors: ReadonlyMap<string, Handled>) =>
          put.words([...tensors.keys()].map((name) => put.text(name)));
        const handles = (tensors: ReadonlyMap<string, Handled>) =>
          put.words([...tensors.values()].map(({ handle }) => handle as Address));
        const read = [names(inputs), handles(inputs), inputs.size] as const;
        const written = [names(outputs), outputs.size, handles(outputs)] as const;
        memory.check(() => module._OrtRun(session, ...read, ...written, NOWHERE));
      });
    },
    dispose() {
      released = true;
      release();
    },
  };
}
