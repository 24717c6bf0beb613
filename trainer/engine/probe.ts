/**
 * Which engines work here. The GPU is tried in a child process, since a broken driver can take
 * down the process that loads it, and a software rasteriser is told from a real one.
 */
import { execFile, type ExecFileException } from 'node:child_process';
import { createRequire } from 'node:module';
import { providerWords } from './device-error';
import { createGraph } from './graph';
import { cast } from './lower/kernel';
import { lowered, modelBytes } from './model';
import { nativeLibrary } from './native-library';
import { probeTensorflow } from './tensorflow/probe';
import type { Device, EngineName } from './types';
import type { VulkanAdapter } from './vulkan';

export interface EngineReport {
  readonly name: EngineName;
  readonly device: Device;
  /** Works and is worth choosing. A software adapter works but is not. */
  readonly available: boolean;
  /** What was found, or why it is not available. */
  readonly detail: string;
  /** There is a GPU that should work, and does not. */
  readonly isBroken?: boolean;
}

/** Tries every engine, tensorflow in the folder where it is installed if it is; seconds. Never throws. */
export async function probeEngines(tensorflowFolder: string): Promise<EngineReport[]> {
  const [cpu, wasm, webgpu, tensorflow] = await Promise.all([
    probeDevice('cpu'),
    probeWasm(),
    probeDevice('webgpu'),
    probeTensorflow(tensorflowFolder),
  ]);
  return [
    { name: 'tensorflow', device: 'cuda', available: tensorflow.hasCuda, detail: tensorflow.cuda },
    { name: 'tensorflow', device: 'cpu', available: tensorflow.state === 'works', detail: tensorflow.detail },
    { name: 'onnx', device: 'webgpu', ...webgpu },
    { name: 'onnx', device: 'cpu', ...cpu },
    { name: 'onnx', device: 'wasm', ...wasm },
    { name: 'reference', device: 'cpu', available: true, detail: 'plain JavaScript; for tests, far too slow to train' },
  ];
}

// Runs a small model, and tells which graphics drivers that loaded; then one in float16, which a GPU may not have.
const program = `
const [library, device, model, half] = process.argv.slice(1);
process.on('uncaughtException', (error) => {
  console.log('tessera-error ' + error.message.split('\\n')[0]);
  process.exit();
});
const ort = require(library);
ort.env.logLevel = 'verbose';
const run = (model) =>
  ort.InferenceSession.create(Buffer.from(model, 'base64'), { executionProviders: [device], logSeverityLevel: 0 })
    .then((session) => session.run({ x: new ort.Tensor('float32', [1, 2], [2]) }));
run(model)
  .then(() => {
    const fs = require('node:fs');
    const drivers = process.platform === 'linux' ? fs.readFileSync('/proc/self/maps', 'utf8') : '';
    console.log('tessera-probe ' + JSON.stringify(Array.from(new Set(drivers.match(/[^/\\s]+\\.so[.\\d]*$/gm)))));
    return run(half).then(() => console.log('tessera-float16'), () => {});
  }, (error) => { console.log('tessera-error ' + error.message.split('\\n')[0]); })
  .then(() => process.exit());
`;

/** Milliseconds that a child has: seconds on a busy machine. */
const PATIENCE = 15_000;

type Finding = Pick<EngineReport, 'available' | 'detail' | 'isBroken'>;

/** Tries ONNX Runtime on one device. Never throws. */
export async function probeDevice(device: 'cpu' | 'webgpu'): Promise<Finding> {
  let library: string;
  try {
    nativeLibrary();
    library = createRequire(import.meta.url).resolve('onnxruntime-node');
  } catch (error) {
    return { available: false, detail: (error as Error).message };
  }
  const options = { timeout: PATIENCE, maxBuffer: 1 << 26, env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } };
  const models = (['float32', 'float16'] as const).map((dtype) =>
    Buffer.from(doubling(dtype).model).toString('base64'),
  );
  const child = await new Promise<Child>((resolve) => {
    execFile(process.execPath, ['-e', program, library, device, ...models], options, (error, stdout, stderr) =>
      resolve({ error, stdout, stderr }),
    );
  });
  // Loaded only here: where there is no native library, there may be none that it takes either.
  const adapters = device === 'cpu' ? [] : (await import('./vulkan')).vulkanAdapters();
  const { error, stdout, stderr } = child;
  const drivers = /^tessera-probe (.*)$/m.exec(stdout)?.[1];
  if (drivers !== undefined) {
    if (device === 'cpu') return { available: true, detail: await worksWith() };
    const hasFloat16 = /^tessera-float16$/m.test(stdout);
    return judge(JSON.parse(drivers) as string[], stdout + stderr, hasFloat16, adapters);
  }
  const said = /^tessera-error (.*)$/m.exec(stdout)?.[1];
  return said === undefined ? died(error) : refused(said, adapters);
}

interface Child {
  readonly error: ExecFileException | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the native library is to this engine on this processor. */
async function worksWith(): Promise<string> {
  const { kernels } = (await import('./native')).nativeRuntime(1, true);
  return kernels
    ? `works, with ${kernels} kernels`
    : 'works, without the kernels of its own that make it several times faster: they were not built for this platform, or its processor lacks AVX2';
}

/** In this process: what WebAssembly does cannot end it. Never throws. */
async function probeWasm(): Promise<Finding> {
  try {
    const runtime = await (await import('./wasm')).wasmRuntime(1);
    const { model, x, doubled } = doubling('float32');
    const session = runtime.createSession(model);
    const [given, made] = [runtime.createTensor(x), runtime.createTensor(doubled)];
    given.data.set([1, 2]);
    session.run(new Map([[x.name, given]]), new Map([[doubled.name, made]]));
    const result = made.data.join();
    for (const used of [session, given, made]) used.dispose();
    if (result !== '2,4')
      return { available: false, detail: `${runtime.description} computes 2 x [1,2] = [${result}]` };
    return {
      available: true,
      detail: 'works; for where there is no native library, several times slower than the cpu',
    };
  } catch (error) {
    return { available: false, detail: (error as Error).message.split('\n')[0]! };
  }
}

/** A model that adds what it is given to itself, in this precision. */
function doubling(dtype: 'float32' | 'float16') {
  const graph = createGraph();
  const x = graph.input('x', { shape: [2], dtype: 'float32' });
  const taken = cast(graph, x, dtype);
  const doubled = cast(graph, graph.node('Add', [taken, taken], taken), 'float32');
  const floats = { shape: [2], dtype: 'float32' } as const;
  const named = ({ name }: { readonly name: string }) => ({ name, ...floats });
  return { model: modelBytes(lowered(graph, [doubled])), x: named(x), doubled: named(doubled) };
}

/** Software adapters compute on the CPU, many times slower than the cpu engine. */
function judge(
  libraries: readonly string[],
  log: string,
  hasFloat16: boolean,
  adapters: readonly VulkanAdapter[],
): Finding {
  const choice = adapters.length > 1 ? `; the setting tessera.gpu, or TESSERA_GPU, chooses of ${named(adapters)}` : '';
  const half = hasFloat16 ? 'with float16' : 'without float16, so without mixed precision';
  // ONNX Runtime's own inventory of the machine; type 1 is a GPU.
  const found = /OrtHardwareDevice \{vendor_id:(0x[\da-f]+)[^}]*?vendor:([^,}]*), type:1\b/i.exec(log);
  const vulkan = libraries.filter((file) => /^libvulkan_|^libvk_|^libGLX_nvidia|^libnvidia-vulkan|^amdvlk/.test(file));
  const hardware = vulkan.filter((file) => !/swiftshader|_lvp/.test(file));
  if (!found || (process.platform === 'linux' && hardware.length === 0)) {
    const by = vulkan.length ? ` (${vulkan.join(', ')})` : '';
    return { available: false, detail: `only a software adapter${by}, slower than the cpu; ${half}${choice}` };
  }
  return {
    available: true,
    detail: `${found[2]?.trim() || `vendor ${found[1]}`}${hardware[0] ? `, ${hardware[0]}` : ''}, ${half}${choice}`,
  };
}

const named = (adapters: readonly VulkanAdapter[]) => adapters.map(({ name }) => `"${name}"`).join(', ');

/** What takes a child down would take this process down too. */
function died(error: ExecFileException | null): Finding {
  const why = error?.killed
    ? `gave no answer in ${PATIENCE / 1000} seconds: the machine is busy, or the GPU's driver hangs`
    : `ended without an answer${error?.signal ? ` (${error.signal})` : ''}: update the GPU's driver`;
  return { available: false, isBroken: true, detail: `the process that tried it ${why}` };
}

function refused(message: string, adapters: readonly VulkanAdapter[]): Finding {
  if (/No supported adapters/.test(message)) {
    return adapters.length === 0
      ? { available: false, detail: 'no GPU with a driver that WebGPU can use (Vulkan, Metal or Direct3D 12)' }
      : {
          available: false,
          isBroken: adapters.some(({ type }) => type !== 'cpu'),
          detail: `there is ${named(adapters)}, but its driver is too old for WebGPU or lacks what that needs; update it`,
        };
  }
  if (/not supported|no available backend|backend not found/i.test(message))
    return { available: false, detail: 'this build of ONNX Runtime has no WebGPU' };
  return { available: false, isBroken: adapters.length > 0, detail: providerWords(message).slice(0, 200) };
}
