/** Whether an installed TensorFlow works: it is loaded by a child process, since a broken library can end the one that loads it. */
import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync } from 'node:fs';
import { environment } from './environment';
import { openPackage, type InstallManifest, type TensorflowPackage } from './package';

export interface TensorflowReport {
  /** `works`: loads and computes, on the CPU at least. */
  readonly state: 'absent' | 'broken' | 'works';
  /** Uses a CUDA GPU when it is let. */
  readonly hasCuda: boolean;
  /** The library and the npm package with their versions, or what failed and why. */
  readonly detail: string;
  /** The GPUs by name, or why there is none. */
  readonly cuda: string;
}

/** A library that has no code for a new GPU translates it first, for minutes. */
const TIMEOUT_MS = 180_000;
const WHAT_A_PRODUCT_IS = [7, 10, 15, 22];

// Squares [[1, 2], [3, 4]], on the GPU if one is found: some drivers fail only then.
const child = `
const tf = require(process.argv[1]);
const attribute = (name, type, value) => ({ name, type, value });
const x = tf.createTensor([2, 2], tf.TF_FLOAT, Float32Array.of(1, 2, 3, 4));
const attributes = [
  attribute('transpose_a', tf.TF_ATTR_BOOL, false),
  attribute('transpose_b', tf.TF_ATTR_BOOL, false),
  attribute('T', tf.TF_ATTR_TYPE, tf.TF_FLOAT),
];
const [{ id }] = tf.executeOp('MatMul', attributes, [x, x], 1);
const found = { version: tf.TF_Version, gpu: tf.isUsingGpuDevice(), product: Array.from(tf.tensorDataSync(id)) };
console.log('tessera-tensorflow ' + JSON.stringify(found));
`;

interface Found {
  readonly version: string;
  readonly gpu: boolean;
  readonly product: readonly number[];
}

/** Tries the installation in `folder`; some seconds. Never throws. */
export async function probeTensorflow(folder: string): Promise<TensorflowReport> {
  if (!existsSync(folder)) return { state: 'absent', hasCuda: false, detail: 'not installed', cuda: 'not installed' };
  const broken = (detail: string): TensorflowReport => ({ state: 'broken', hasCuda: false, detail, cuda: 'the library does not load' }); // prettier-ignore
  let opened: TensorflowPackage;
  try {
    opened = openPackage(folder);
  } catch (error) {
    return broken((error as Error).message);
  }
  const { addon, manifest } = opened;
  const env = { ...environment('cuda'), TF_CPP_MIN_LOG_LEVEL: '0', ELECTRON_RUN_AS_NODE: '1' };
  const options = { timeout: TIMEOUT_MS, maxBuffer: 1 << 26, env };
  return await new Promise((resolve) => {
    execFile(process.execPath, ['-e', child, addon], options, (error, stdout, stderr) => {
      const answer = /^tessera-tensorflow (.*)$/m.exec(stdout)?.[1];
      if (answer === undefined) return resolve(broken(`${addon} does not load: ${whyNotLoaded(error, stderr)}`));
      const { version, gpu, product } = JSON.parse(answer) as Found;
      if (product.join() !== WHAT_A_PRODUCT_IS.join()) {
        return resolve(broken(`TensorFlow ${version} computes [${product.join(', ')}] where it should [${WHAT_A_PRODUCT_IS.join(', ')}]`)); // prettier-ignore
      }
      const detail = `TensorFlow ${version}, ${manifest.package} ${manifest.packageVersion}`;
      resolve({ state: 'works', hasCuda: gpu, detail, cuda: gpu ? gpuNames(stderr) : whyNoGpu(stderr, manifest) });
    });
  });
}

/** What the dynamic linker, TensorFlow or the operating system said of it. */
export function whyNotLoaded(error: Pick<ExecFileException, 'killed' | 'signal' | 'code'> | null, log: string): string {
  if (error?.killed) return `no answer in ${TIMEOUT_MS / 1000} s`;
  const thrown = /^(?:\w*Error|FATAL ERROR|terminate called)\b:? ?(.*)$/m.exec(log)?.[1]?.trim();
  if (thrown) return thrown;
  const fatal = /^(?:F|.*?: F ).*?\] (.*)$/m.exec(log)?.[1];
  const ended = error?.signal ? `the process was ended by ${error.signal}` : `exit code ${error?.code ?? 'unknown'}`;
  return fatal ? `${fatal} (${ended})` : ended;
}

/** As in "Created device ... GPU:0 with 38000 MB memory:  -> device: 0, name: NVIDIA A100, pci bus id: ...". */
export function gpuNames(log: string): string {
  const names = [...log.matchAll(/Created device .*?, name: ([^,]+),/g)].map(([, name]) => name);
  return names.length > 0 ? names.join('; ') : 'a GPU of unknown name';
}

/** TensorFlow's own words where it has some: no driver, a driver that fails, a library of CUDA that is missing. */
export function whyNoGpu(log: string, { cuda }: Pick<InstallManifest, 'cuda'>): string {
  if (cuda === false) return 'the library was built without CUDA';
  const missing = [...log.matchAll(/Could not load dynamic library '([^']+)'/g)].map(([, name]) => name!);
  if (missing.length > 0) return `libraries of CUDA are missing: ${[...new Set(missing)].join(', ')}`;
  const said = /^.*?\] (.*(?:cuInit|Cannot dlopen some GPU libraries|Could not find cuda drivers).*)$/m.exec(log)?.[1];
  return said ?? 'TensorFlow finds no CUDA device and does not say why';
}
