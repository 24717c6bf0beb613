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
  /**
   * Zero moments. Parameters that are updated alike share a pair, `optimizer.m.<i>` and `optimizer.v.<i>` [sum of their
   * sizes], in the order of their names.
   */
  init(params: HostTensors): HostTensors;
  /**
   * One update. `step` counts from 1. `state` holds the moments by the names of `init`.
   * `gradNorm` is the global norm of the gradients as given, before clipping. `weightDecay` replaces the configured
   * one, for a schedule.
   */
  update(
    params: Tensors,
    grads: Tensors,
    state: Tensors,
    lr: Scalar,
    step: Scalar,
    weightDecay?: Scalar,
  ): { readonly params: Tensors; readonly state: Tensors; readonly gradNorm: Scalar };
}

export const OPTIMIZER_PREFIX = 'optimizer.';
const firstMoment = (pack: number) => `${OPTIMIZER_PREFIX}m.${pack}`;
const secondMoment = (pack: number) => `${OPTIMIZER_PREFIX}v.${pack}`;

/**
 * Parameters are updated together up to this many values: an op on fewer runs on one thread, and for the smallest its
 * cost is its launch; of many more, what one op wrote has left the cache when the next one reads it.
 */
const PACK = 2 ** 18;

export function adamw(config: AdamwConfig): Optimizer {
  const [beta1, beta2] = config.betas;
  const eps = config.eps ?? 1e-8;
  const decays = config.decays ?? ((_name, shape) => shape.length > 1);
  const scale = config.scale ?? (() => 1);

  return {
    init(params) {
      const moments = packsOf(params, decays, scale).flatMap((pack, i) => [
        [firstMoment(i), constant([pack.size], 0)] as const,
        [secondMoment(i), constant([pack.size], 0)] as const,
      ]);
      return Object.fromEntries(moments);
    },

    update(params, grads, state, lr, step, weightDecay) {
      const packs = packsOf(params, decays, scale);
      const gradients = packs.map(({ members }) =>
        tf.concat(members.map(({ name, size }) => tf.reshape(grads[name]!, [size]))),
      );
      const squares = gradients.map((gradient) => tf.square(gradient));
      const gradNorm: Scalar = tf.sqrt(squares.map((square) => tf.sum<Scalar>(square)).reduce((a, b) => tf.add(a, b)));
      // As in PyTorch's clip_grad_norm_, whose 1e-6 keeps the quotient finite.
      const clip =
        config.clipNorm === undefined ? null : tf.minimum(tf.div(config.clipNorm, tf.add(gradNorm, 1e-6)), 1);

      // The moments are kept as sums, m + g and v + g² with the older terms decayed: the averages of the paper are these
      // times 1 - beta. That factor and both bias corrections go into two scalars, so that the large tensors see fewer
      // ops: lr (m / c1) / (sqrt(v / c2) + eps) = (lr sqrt(c2) / c1) m / (sqrt(v) + eps sqrt(c2)).
      const correction1 = tf.div(tf.sub(1, tf.pow(beta1, step)), 1 - beta1);
      const correction2 = tf.sqrt(tf.div(tf.sub(1, tf.pow(beta2, step)), 1 - beta2));
      const floor = tf.mul(eps, correction2);

      const next = { params: {} as Record<string, Tensor>, state: {} as Record<string, Tensor> };
      packs.forEach((pack, i) => {
        const gradient = clip ? tf.mul(gradients[i]!, clip) : gradients[i]!;
        const square = clip ? tf.square(gradient) : squares[i]!;
        const ownLr = pack.scale === 1 ? lr : tf.mul(lr, pack.scale);
        const rate = tf.div(tf.mul(ownLr, correction2), correction1);

        const m = tf.add(tf.mul(state[firstMoment(i)]!, beta1), gradient);
        const v = tf.add(tf.mul(state[secondMoment(i)]!, beta2), square);
        next.state[firstMoment(i)] = m;
        next.state[secondMoment(i)] = v;

        const update = tf.mul(tf.div(m, tf.add(tf.sqrt(v), floor)), rate); // [pack.size]
        const keep = tf.sub(1, tf.mul(ownLr, weightDecay ?? config.weightDecay));
        const parts = split(
          update,
          pack.members.map(({ size }) => size),
        );
        pack.members.forEach(({ name }, at) => {
          const old = params[name]!;
          const kept = pack.decays ? tf.mul(old, keep) : old;
          next.params[name] = tf.sub(kept, tf.reshape(parts[at]!, old.shape));
        });
      });
      return { ...next, gradNorm };
    },
  };
}

/** Parameters that are updated as one tensor, their values end to end. */
interface Pack {
  readonly members: { readonly name: string; readonly size: number }[];
  readonly decays: boolean;
  readonly scale: number;
  size: number;
}

function packsOf(
  params: Readonly<Record<string, { readonly shape: readonly number[] }>>,
  decays: (name: string, shape: readonly number[]) => boolean,
  scale: (name: string) => number,
): Pack[] {
  const packs: Pack[] = [];
  const open = new Map<string, Pack>();
  // Sorted, so that a checkpoint may give the parameters in any order.
  for (const name of Object.keys(params).sort()) {
    const { shape } = params[name]!;
    const size = shape.reduce((product, n) => product * n, 1);
    const kind = { decays: decays(name, shape), scale: scale(name) };
    const key = JSON.stringify(kind);
    let pack = open.get(key);
    if (!pack || pack.size + size > PACK) {
      pack = { ...kind, members: [], size: 0 };
      packs.push(pack);
      open.set(key, pack);
    }
    pack.members.push({ name, size });
    pack.size += size;
  }
  return packs;
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
