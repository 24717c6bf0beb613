/** What all optimizers have in common: the interface, and parameters updated together in packs. */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { globalNorm, split } from '../engine/ops';
import type { HostTensors, Tensors } from '../engine/types';

/** What every optimizer can be told. */
export interface UpdateRules {
  /** AdamW: each update takes lr * weightDecay of a parameter away. SGD and LARS: this share of it is added to its gradient. */
  readonly weightDecay: number;
  /** Which parameters decay; by default those of more than one axis, so no bias, norm or mask token. */
  readonly decays?: (name: string, shape: readonly number[]) => boolean;
  /** Multiplies the learning rate of a parameter, for layer-wise decay; 1 by default, 0 for one that is frozen. */
  readonly scale?: (name: string) => number;
  /** Scales all gradients down to this global norm when theirs is larger. */
  readonly clipNorm?: number;
}

export interface Optimizer {
  /**
   * Zero moments. Parameters that are updated alike share theirs, `optimizer.<moment>.<i>` [sum of their sizes], in the
   * order of their names.
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

/** Parameters that are updated as one tensor, their values end to end. */
export interface Pack {
  readonly members: readonly { readonly name: string; readonly shape: readonly number[]; readonly size: number }[];
  readonly decays: boolean;
  readonly scale: number;
  readonly size: number;
}

/**
 * Parameters are updated together up to this many values: an op on fewer runs on one thread, and for the smallest its
 * cost is its launch; of many more, what one op wrote has left the cache when the next one reads it.
 */
const PACK = 2 ** 18;

export function packsOf(
  params: Readonly<Record<string, { readonly shape: readonly number[] }>>,
  { decays = (_name, shape) => shape.length > 1, scale = () => 1 }: UpdateRules,
): Pack[] {
  type Open = Pack & { members: Pack['members'][number][]; size: number };
  const packs: Open[] = [];
  const open = new Map<string, Open>();
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
    pack.members.push({ name, shape, size });
    pack.size += size;
  }
  return packs;
}

/** The values of a pack's members, end to end: [pack.size]. */
export function joined({ members }: Pack, tensors: Tensors): Tensor1D {
  return tf.concat(members.map(({ name, size }) => tf.reshape(tensors[name]!, [size])));
}

/** The inverse of `joined`: values [pack.size] -> the members by their names, in their shapes. */
export function parted({ members }: Pack, values: Tensor): Record<string, Tensor> {
  const parts = split(
    values,
    members.map(({ size }) => size),
  );
  return Object.fromEntries(members.map(({ name, shape }, i) => [name, tf.reshape(parts[i]!, [...shape])]));
}

/** What gradients of this global norm are multiplied with. */
export function clipping(gradNorm: Scalar, { clipNorm }: UpdateRules): Scalar {
  // As in PyTorch's clip_grad_norm_, whose 1e-6 keeps the quotient finite.
  return clipNorm === undefined ? tf.scalar(1) : tf.minimum(tf.div(clipNorm, tf.add(gradNorm, 1e-6)), 1);
}

/** The gradients of each pack as they are used, and the norm of all as they were given. */
export function clipped(packs: readonly Pack[], grads: Tensors, rules: UpdateRules) {
  const raw = packs.map((pack) => joined(pack, grads));
  const gradNorm = globalNorm(raw);
  if (rules.clipNorm === undefined) return { gradients: raw, gradNorm };
  const clip = clipping(gradNorm, rules);
  return { gradients: raw.map((gradient) => tf.mul(gradient, clip)), gradNorm };
}

/** The learning rate of a pack. */
export const rateOf = ({ scale }: Pack, lr: Scalar): Scalar => (scale === 1 ? lr : tf.mul(lr, scale));
