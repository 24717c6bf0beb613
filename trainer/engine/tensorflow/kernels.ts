/** What of TensorFlow's kernels for tfjs does not do what tfjs's own do, put right. */
import * as tf from '@tensorflow/tfjs-core';
import type { KernelFunc, NamedAttrMap, NamedTensorInfoMap, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import type { OpAttribute } from './binding';
import type { NodeBackend } from './load';
import { paddedKernels } from './padding';

export type Run = (inputs: NamedTensorInfoMap, attributes: NamedAttrMap) => TensorInfo;
/** A kernel in terms of the one that it takes the place of, or of the library's ops. */
export type Repair = (
  run: Run,
  inputs: NamedTensorInfoMap,
  attributes: NamedAttrMap,
  backend: NodeBackend,
) => TensorInfo;

/** Puts the repairs around the kernels that are registered for `backendName`. */
export function repairKernels(backendName: string): void {
  for (const [kernelName, repair] of Object.entries({ ...repairs, ...paddedKernels })) {
    const { kernelFunc } = tf.getKernel(kernelName, backendName);
    const repaired: KernelFunc = ({ inputs, attrs = {}, backend }) => {
      const run: Run = (inputs, attrs) => kernelFunc({ inputs, attrs, backend }) as TensorInfo;
      return repair(run, inputs, attrs, backend as NodeBackend);
    };
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ kernelName, backendName, kernelFunc: repaired });
  }
}

/** Inputs of this backend's kernels are tensors already; only their type says less. */
const cast = (x: TensorInfo, dtype: 'int32' | 'float32') => tf.cast(x as Tensor, dtype);

const repairs: Record<string, Repair> = {
  // These call methods that tensors only have in the whole of tfjs.
  ArgMax: (run, { x }, attributes) => run({ x: x!.dtype === 'bool' ? cast(x!, 'int32') : x! }, attributes),
  ArgMin: (run, { x }, attributes) => run({ x: x!.dtype === 'bool' ? cast(x!, 'int32') : x! }, attributes),
  Exp: (run, { x }, attributes) => run({ x: x!.dtype === 'int32' ? cast(x!, 'float32') : x! }, attributes),
  Prelu(_run, inputs) {
    const [x, alpha] = [inputs.x as Tensor, inputs.alpha as Tensor];
    return tf.add(tf.relu(x), tf.mul(alpha, tf.minimum(x, 0)));
  },
  // This leaves it to the library what type things are of; in a graph that has to be said.
  ExpandDims(_run, { input }, { dim }) {
    const { shape } = input!;
    const at = (dim as number) < 0 ? (dim as number) + shape.length + 1 : (dim as number);
    return tf.reshape(input as Tensor, shape.toSpliced(at, 0, 1));
  },
  // This fetches the indices to check them, and takes a negative axis for one that has no rows.
  GatherV2(_run, { x, indices }, { axis, batchDims }, backend) {
    const [at] = tf.util.parseAxisParam(axis as number, x!.shape) as [number];
    const { binding } = backend;
    const type = ({ dtype }: TensorInfo) => backend.typeAttributeFromTensor({ dtype });
    const attributes: OpAttribute[] = [
      { name: 'batch_dims', type: binding.TF_ATTR_INT, value: batchDims as number },
      { name: 'Tparams', type: binding.TF_ATTR_TYPE, value: type(x!) },
      { name: 'Tindices', type: binding.TF_ATTR_TYPE, value: type(indices!) },
      { name: 'Taxis', type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
    ];
    return backend.executeSingleOutput('GatherV2', attributes, [x!, indices!, tf.scalar(at, 'int32')]);
  },
};
