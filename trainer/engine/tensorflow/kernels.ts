/** What of TensorFlow's kernels for tfjs does not do what tfjs's own do, put right. */
import * as tf from '@tensorflow/tfjs-core';
import type { KernelFunc, NamedAttrMap, NamedTensorInfoMap, Tensor, TensorInfo } from '@tensorflow/tfjs-core';
import { paddedKernels } from './padding';

type Run = (inputs: NamedTensorInfoMap, attributes: NamedAttrMap) => TensorInfo;
/** A kernel in terms of the one that it takes the place of. */
export type Repair = (run: Run, inputs: NamedTensorInfoMap, attributes: NamedAttrMap) => TensorInfo;

/** Puts the repairs around the kernels that are registered for `backendName`. */
export function repairKernels(backendName: string): void {
  for (const [kernelName, repair] of Object.entries({ ...repairs, ...paddedKernels })) {
    const { kernelFunc } = tf.getKernel(kernelName, backendName);
    const repaired: KernelFunc = ({ inputs, attrs = {}, backend }) =>
      repair((inputs, attrs) => kernelFunc({ inputs, attrs, backend }) as TensorInfo, inputs, attrs);
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
  // This takes a negative axis for one that has no rows.
  GatherV2(run, inputs, attributes) {
    const [axis] = tf.util.parseAxisParam(attributes.axis as number, inputs.x!.shape);
    return run(inputs, { ...attributes, axis: axis! });
  },
};
