/**
 * Padding by numbers of pixels, which TensorFlow's kernels of convolutions and pools refuse in part: the image is padded
 * first, and what belongs to the rim is cut off a gradient. Images are [B, H, W, C].
 */
import * as tf from '@tensorflow/tfjs-core';
import type { NamedAttrMap, NamedTensorInfoMap, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';
import { wholeOverCounted } from '../gradients';
import type { Repair, Run } from './kernels';

type Shape4D = [number, number, number, number];
type Pair = [number, number];

/** Pixels before and after each axis of an image. */
type Rim = [Pair, Pair, Pair, Pair];

export const paddedKernels: Readonly<Record<string, Repair>> = {
  Conv2D(run, inputs, attributes) {
    const [down, across] = [attributes.strides as number | Pair].flat();
    if (across !== undefined && down !== across) return everyWindow(run, inputs, attributes);
    const rim = convolutionRim(inputs.x!.shape, inputs.filter!.shape, attributes);
    return rim ? run({ ...inputs, x: padded(inputs.x!, rim, 0) }, valid(attributes)) : run(inputs, attributes);
  },
  Conv2DBackpropFilter(run, inputs, attributes) {
    const rim = convolutionRim(inputs.x!.shape, attributes.filterShape as number[], attributes);
    return rim ? run({ ...inputs, x: padded(inputs.x!, rim, 0) }, valid(attributes)) : run(inputs, attributes);
  },
  Conv2DBackpropInput(run, inputs, attributes) {
    const shape = attributes.inputShape as number[];
    const rim = convolutionRim(shape, inputs.filter!.shape, attributes);
    if (!rim) return run(inputs, attributes);
    return cut(run(inputs, { ...valid(attributes), inputShape: around(shape, rim) }), rim, shape);
  },
  MaxPool(run, { x }, attributes) {
    const { rim, isSame } = poolRim(x!.shape, attributes);
    return isSame || !rim ? run({ x: x! }, attributes) : run({ x: padded(x!, rim, -Infinity) }, valid(attributes));
  },
  MaxPoolGrad(run, inputs, attributes) {
    const input = inputs.input!;
    const { rim, isSame } = poolRim(input.shape, attributes);
    if (isSame || !rim) return run(inputs, attributes);
    return cut(run({ ...inputs, input: padded(input, rim, -Infinity) }, valid(attributes)), rim, input.shape);
  },
  AvgPool(run, { x }, attributes) {
    const { rim, isSame } = poolRim(x!.shape, attributes);
    if (isSame || !rim) return run({ x: x! }, attributes);
    const mean = run({ x: padded(x!, rim, 0) }, valid(attributes)) as Tensor4D;
    return tf.mul(mean, wholeOverCounted(x!, attributes));
  },
  /** Shares out among all pixels of a window, as tfjs's own kernel does; TensorFlow's leaves out those of the rim. */
  AvgPoolGrad(run, { dy, input }, attributes) {
    const { rim } = poolRim(input!.shape, attributes);
    if (!rim) return run({ dy: dy!, input: input! }, attributes);
    const outer = { ...input!, shape: around(input!.shape, rim) };
    return cut(run({ dy: dy!, input: outer }, valid(attributes)), rim, input!.shape);
  },
};

/**
 * Strides that differ: oneDNN's kernel in TensorFlow 2.21 returns zeros for images of one channel and windows that fit once
 * across. So all windows are taken, and those that the strides pass over are dropped.
 */
function everyWindow(run: Run, { x, filter }: NamedTensorInfoMap, attributes: NamedAttrMap): TensorInfo {
  const { padInfo, strideHeight, strideWidth } = convolutionOf(x!.shape, filter!.shape, attributes);
  const rim = rimOf(padInfo);
  const all = run({ x: rim ? padded(x!, rim, 0) : x!, filter: filter! }, { ...valid(attributes), strides: [1, 1] });
  return tf.stridedSlice(asTensor(all), [0, 0, 0, 0], all.shape, [1, strideHeight, strideWidth, 1]);
}

const valid = (attributes: NamedAttrMap): NamedAttrMap => ({ ...attributes, pad: 'valid' });

const around = (shape: readonly number[], rim: Rim): number[] => shape.map((n, i) => n + rim[i]![0] + rim[i]![1]);

const padded = (x: TensorInfo, rim: Rim, value: number): TensorInfo => tf.pad(asTensor(x), rim, value);

function cut(gradient: TensorInfo, rim: Rim, shape: readonly number[]): TensorInfo {
  const begin = rim.map(([before]) => before);
  return tf.slice(asTensor(gradient), begin, [...shape]);
}

/** Inputs and results of this backend's kernels are tensors already; only their type says less. */
const asTensor = (x: TensorInfo) => x as Tensor4D;

function convolutionOf(shape: number[], filter: number[], attributes: NamedAttrMap): Convolution {
  const { strides, pad, dilations, dimRoundingMode } = attributes as unknown as {
    strides: Pair;
    pad: 'valid' | 'same';
    dilations?: Pair;
    dimRoundingMode?: 'floor';
  };
  const [image, window] = [shape, filter] as [Shape4D, Shape4D];
  return tf.backend_util.computeConv2DInfo(image, window, strides, dilations ?? 1, pad, dimRoundingMode);
}
type Convolution = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

/** The rim that TensorFlow cannot add itself, or undefined. */
function convolutionRim(shape: number[], filter: number[], attributes: NamedAttrMap): Rim | undefined {
  if (attributes.pad === 'valid' || attributes.pad === 'same') return undefined;
  return rimOf(convolutionOf(shape, filter, attributes).padInfo);
}

/** The rim of a pool's windows; undefined when there is none. */
function poolRim(shape: number[], attributes: NamedAttrMap): { rim?: Rim; isSame: boolean } {
  const { filterSize, strides, pad, dimRoundingMode } = attributes as unknown as {
    [i in 'filterSize' | 'strides']: Pair;
  } & { pad: 'valid' | 'same'; dimRoundingMode?: 'floor' };
  const image = shape as Shape4D;
  const { padInfo } = tf.backend_util.computePool2DInfo(image, filterSize, strides, 1, pad, dimRoundingMode);
  return { rim: rimOf(padInfo), isSame: pad === 'same' };
}

function rimOf({ top, bottom, left, right }: Record<'top' | 'bottom' | 'left' | 'right', number>): Rim | undefined {
  const isEmpty = top + bottom + left + right === 0;
  return isEmpty ? undefined : [[0, 0], [top, bottom], [left, right], [0, 0]]; // prettier-ignore
}
