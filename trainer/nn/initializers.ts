/** Fresh parameters: every value is a pure function of the seed and the parameter's name. */
import { size } from '../engine/shapes';
import type { HostTensor } from '../engine/types';
import { random } from '../random/random';

/**
 * Uniform in ±sqrt(6 / (fan in + fan out)) for a kernel [in, out] (Glorot and Bengio 2010), as MAE
 * initialises every linear layer.
 */
export function xavierUniform(shape: readonly [fanIn: number, fanOut: number], seed: number, name: string): HostTensor {
  const limit = Math.sqrt(6 / (shape[0] + shape[1]));
  const draws = random(seed, 'init', name);
  return filled(shape, () => (2 * draws.uniform() - 1) * limit);
}

/**
 * Normal with variance 2 / fan out for a convolution's kernel [h, w, in, out], whose fan out is h w out: a ReLU then
 * keeps the size of gradients (He et al. 2015). As torchvision initialises residual networks.
 */
export function heNormal(shape: readonly [number, number, number, number], seed: number, name: string): HostTensor {
  return normal(shape, Math.sqrt(2 / (shape[0] * shape[1] * shape[3])), seed, name);
}

/** Normal with mean 0 and the given standard deviation. */
export function normal(shape: readonly number[], std: number, seed: number, name: string): HostTensor {
  const draws = random(seed, 'init', name);
  return filled(shape, () => draws.normal() * std);
}

export function constant(shape: readonly number[], value: number): HostTensor {
  return { shape, dtype: 'float32', data: new Float32Array(size(shape)).fill(value) };
}

function filled(shape: readonly number[], next: () => number): HostTensor {
  // A loop: Float32Array.from collects what it is given before it copies it, and takes ten times as long.
  const data = new Float32Array(size(shape));
  for (let i = 0; i < data.length; i++) data[i] = next();
  return { shape, dtype: 'float32', data };
}
