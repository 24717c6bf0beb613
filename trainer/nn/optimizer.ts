/** AdamW (Loshchilov and Hutter 2019) over named parameters, as one pure and traceable function. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import type { HostTensors, Tensors } from '../engine/types';
import { constant } from './initializers';

export interface AdamwConfig {
  /** Decay rates of the first and second moment. */
  readonly betas: readonly [number, number];
  readonly eps?: number;
  /** Decoupled: each update also takes lr * weightDecay of a parameter away. */
  readonly weightDecay: number;
  /** Which parameters decay; by default those of more than one axis, so no bias, norm or mask token. */
  readonly decays?: (name: string, shape: readonly number[]) => boolean;
  /** Multiplies the learning rate of a parameter, for layer-wise decay; 1 by default. */
  readonly scale?: (name: string) => number;
  /** Scales all gradients down to this global norm when theirs is larger. */
  readonly clipNorm?: number;
}

export interface Optimizer {
  /** Zero moments: `optimizer.m.<parameter>` and `optimizer.v.<parameter>` for each parameter. */
  init(params: HostTensors): HostTensors;
  /**
   * One update. `step` counts from 1. `state` holds the moments by the names of `init`.
   * `gradNorm` is the global norm of the gradients as given, before clipping.
   */
  update(
    params: Tensors,
    grads: Tensors,
    state: Tensors,
    lr: Scalar,
    step: Scalar,
  ): { readonly params: Tensors; readonly state: Tensors; readonly gradNorm: Scalar };
}

export const OPTIMIZER_PREFIX = 'optimizer.';
const firstMoment = (name: string) => `${OPTIMIZER_PREFIX}m.${name}`;
const secondMoment = (name: string) => `${OPTIMIZER_PREFIX}v.${name}`;

/** Tensors up to this many values are updated together: for them the cost of an op is its launch. */
const SMALL = 8192;

export function adamw(config: AdamwConfig): Optimizer {
  const [beta1, beta2] = config.betas;
  const eps = config.eps ?? 1e-8;
  const decays = config.decays ?? ((_name, shape) => shape.length > 1);
  const scale = config.scale ?? (() => 1);

  return {
    init(params) {
      const moments = Object.entries(params).flatMap(([name, { shape }]) => [
        [firstMoment(name), constant(shape, 0)] as const,
        [secondMoment(name), constant(shape, 0)] as const,
      ]);
      return Object.fromEntries(moments);
    },

    update(params, grads, state, lr, step) {
      const packs = packsOf(params, decays, scale);
      const gradients = packs.map((pack) => packed(pack, (name) => grads[name]!));
      const squares = gradients.map((gradient) => tf.square(gradient));
      const gradNorm: Scalar = tf.sqrt(squares.map((square) => tf.sum<Scalar>(square)).reduce((a, b) => tf.add(a, b)));
      // As in PyTorch's clip_grad_norm_, whose 1e-6 keeps the quotient finite.
      const clip =
        config.clipNorm === undefined ? null : tf.minimum(tf.div(config.clipNorm, tf.add(gradNorm, 1e-6)), 1);

      // Both bias corrections are folded into two scalars, so that the large tensors see fewer ops:
      // lr (m / c1) / (sqrt(v / c2) + eps) = (lr sqrt(c2) / c1) m / (sqrt(v) + eps sqrt(c2)).
      const correction1 = tf.sub(1, tf.pow(beta1, step));
      const correction2 = tf.sqrt(tf.sub(1, tf.pow(beta2, step)));
      const floor = tf.mul(eps, correction2);

      const next = { params: {} as Record<string, Tensor>, state: {} as Record<string, Tensor> };
      packs.forEach((pack, i) => {
        const gradient = clip ? tf.mul(gradients[i]!, clip) : gradients[i]!;
        const square = clip ? tf.square(gradient) : squares[i]!;
        const ownLr = pack.scale === 1 ? lr : tf.mul(lr, pack.scale);
        const rate = tf.div(tf.mul(ownLr, correction2), correction1);

        const m = mix(
          beta1,
          packed(pack, (name) => state[firstMoment(name)]!),
          gradient,
        );
        const v = mix(
          beta2,
          packed(pack, (name) => state[secondMoment(name)]!),
          square,
        );
        const old = packed(pack, (name) => params[name]!);
        const kept = pack.decays ? tf.mul(old, tf.sub(1, tf.mul(ownLr, config.weightDecay))) : old;
        const value = tf.sub(kept, tf.mul(tf.div(m, tf.add(tf.sqrt(v), floor)), rate));

        for (const [name, part] of unpacked(pack, value)) next.params[name] = part;
        for (const [name, part] of unpacked(pack, m)) next.state[firstMoment(name)] = part;
        for (const [name, part] of unpacked(pack, v)) next.state[secondMoment(name)] = part;
      });
      return { ...next, gradNorm };
    },
  };
}

/** Parameters that are updated as one tensor: a large one, or all small ones that are treated alike. */
interface Pack {
  readonly members: { readonly name: string; readonly shape: number[]; readonly size: number }[];
  readonly decays: boolean;
  readonly scale: number;
}

function packsOf(
  params: Tensors,
  decays: (name: string, shape: readonly number[]) => boolean,
  scale: (name: string) => number,
): Pack[] {
  const packs = new Map<string, Pack>();
  // Sorted, so that sums over packs are the same to the last bit in whatever order a checkpoint gives the parameters.
  for (const name of Object.keys(params).sort()) {
    const { shape, size } = params[name]!;
    const kind = { decays: decays(name, shape), scale: scale(name) };
    const key = size > SMALL ? name : JSON.stringify(kind);
    const pack = packs.get(key) ?? { ...kind, members: [] };
    pack.members.push({ name, shape, size });
    packs.set(key, pack);
  }
  return [...packs.values()];
}

/** The members' tensors end to end: [sum of sizes], or as it is when there is only one. */
function packed({ members }: Pack, tensor: (name: string) => Tensor): Tensor {
  const [first, ...others] = members;
  if (others.length === 0) return tensor(first!.name);
  return tf.concat(members.map(({ name, size }) => tf.reshape(tensor(name), [size])));
}

function unpacked({ members }: Pack, flat: Tensor): [name: string, part: Tensor][] {
  const [first, ...others] = members;
  if (others.length === 0) return [[first!.name, flat]];
  const parts = split(
    flat,
    members.map(({ size }) => size),
  );
  return members.map(({ name, shape }, i) => [name, tf.reshape(parts[i]!, shape)]);
}

/**
 * Splits [sum of sizes] into parts of the given sizes, a few at a time: on WebGPU one op may write to no more tensors
 * than a shader has storage buffers, of which every device has 8, one being the input's.
 */
function split(flat: Tensor, sizes: readonly number[]): Tensor[] {
  if (sizes.length === 1) return [flat];
  const each = Math.ceil(sizes.length / 7);
  const groups = Array.from({ length: Math.ceil(sizes.length / each) }, (_, i) =>
    sizes.slice(i * each, (i + 1) * each),
  );
  const totals = groups.map((group) => group.reduce((sum, size) => sum + size, 0));
  return tf.split(flat, totals).flatMap((part, i) => split(part, groups[i]!));
}

/** beta a + (1 - beta) b: one step of an exponential moving average. */
function mix(beta: number, a: Tensor, b: Tensor): Tensor {
  return tf.add(tf.mul(a, beta), tf.mul(b, 1 - beta));
}
