/**
 * TensorFlow's kernels for tfjs, out of a package that lies elsewhere, on this program's own tfjs-core. The package asks
 * for `@tensorflow/tfjs`; two copies of tfjs-core would each have their own tensors, gradients and backends, so what it gets
 * is ours. Its entry point is passed over: it would load tfjs's layers, data and file formats too.
 */
import Module, { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { Binding, Handle, OpAttribute } from './binding';
import { environment } from './environment';
import { repairKernels } from './kernels';
import { openPackage, type TensorflowPackage } from './package';
import { createRecorder, type Recorder } from './recording';

/** The name that the package's kernels are registered under. */
export const TENSORFLOW = 'tensorflow';

/** What of the package's backend is used here. */
export interface NodeBackend extends tf.KernelBackend {
  /** The numbers of tensors on the library's side, where constants are put first that are not there yet. */
  getInputTensorIds(tensors: readonly TensorInfo[]): number[];
  createOutputTensor(handle: Handle): tf.Tensor;
  typeAttributeFromTensor(tensor: Pick<TensorInfo, 'dtype'>): number;
  executeSingleOutput(op: string, attributes: readonly OpAttribute[], inputs: readonly TensorInfo[]): TensorInfo;
  readonly binding: Binding;
}

export interface LoadedTensorflow {
  readonly folder: string;
  readonly device: 'cpu' | 'cuda';
  readonly binding: Binding;
  readonly backend: NodeBackend;
  /** Takes down what the backend's kernels ask of the library. */
  readonly recorder: Recorder;
}

let loaded: LoadedTensorflow | undefined;

/**
 * Loads the library into this process, for good: it can neither be unloaded nor moved to another device. Throws an Error
 * that says what failed. `probeTensorflow` tells first, without risk to this process, whether it will work.
 */
export function loadTensorflow(folder: string, device: 'cpu' | 'cuda'): LoadedTensorflow {
  if (loaded) {
    if (loaded.folder === folder && loaded.device === device) return loaded;
    throw new Error(`this process already runs TensorFlow from ${loaded.folder} on ${loaded.device}`);
  }
  const found = openPackage(folder);
  prepareProcess(device);
  const require = createRequire(join(found.root, 'package.json'));
  const binding = require(found.addon) as Binding;
  if (device === 'cuda' && !binding.isUsingGpuDevice()) throw new Error('TensorFlow finds no CUDA device');
  const recorder = createRecorder(binding);
  const backend = registerBackend(found, require, recorder.binding);
  loaded = { folder, device, binding, backend, recorder };
  return loaded;
}

function prepareProcess(device: 'cpu' | 'cuda'): void {
  Object.assign(process.env, environment(device));
  // Node 23 removed what the package still calls.
  const removed = {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  };
  for (const [name, f] of Object.entries(removed)) if (!(name in util)) Object.assign(util, { [name]: f });
}

function registerBackend(
  { root, manifest }: TensorflowPackage,
  require: NodeJS.Require,
  binding: Binding,
): NodeBackend {
  for (const name of ['@tensorflow/tfjs', '@tensorflow/tfjs-core']) {
    const file = require.resolve(name);
    const ours = new Module(file);
    ours.exports = { ...tf, KernelBackend: callable(tf.KernelBackend) };
    ours.loaded = true;
    require.cache[file] = ours;
  }
  const { NodeJSKernelBackend } = require(join(root, 'dist', 'nodejs_kernel_backend.js')) as {
    NodeJSKernelBackend: new (binding: Binding, packageName: string) => NodeBackend;
  };
  tf.registerBackend(TENSORFLOW, () => new NodeJSKernelBackend(binding, manifest.package), 0);
  require(join(root, 'dist', 'register_all_kernels.js'));
  repairKernels(TENSORFLOW);
  // tfjs swallows what a backend throws when it is made, and goes on with the one before.
  const backend = tf.findBackend(TENSORFLOW) as NodeBackend | undefined;
  if (!backend) throw new Error("TensorFlow's backend cannot be made of its package");
  return backend;
}

/** A class as the package was compiled to see it: a function that its heirs call on themselves. The base has no state. */
function callable({ prototype }: typeof tf.KernelBackend): unknown {
  return Object.assign(() => undefined, { prototype });
}
