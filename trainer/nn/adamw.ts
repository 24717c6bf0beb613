/** AdamW (Loshchilov and Hutter 2019) over named parameters, as one pure and traceable function. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import { adamwUpdate, after, globalNorm } from '../engine/ops';
import { constant } from './initializers';
import { OPTIMIZER_PREFIX, clipping, packsOf, rateOf } from './optimizer';
import type { Optimizer, Pack, UpdateRules } from './optimizer';

export interface AdamwConfig extends UpdateRules {
  /** Decay rates of the first and second moment. */
  readonly betas: readonly [number, number];
  readonly eps?: number;
}

const firstMoment = (pack: number) => `${OPTIMIZER_PREFIX}m.${pack}`;
const secondMoment = (pack: number) => `${OPTIMIZER_PREFIX}v.${pack}`;

export function adamw(config: AdamwConfig): Optimizer {
  const [beta1, beta2] = config.betas;
  const eps = config.eps ?? 1e-8;

  return {
    init(params) {
      const moments = packsOf(params, config).flatMap((pack, i) => [
        [firstMoment(i), constant([pack.size], 0)] as const,
        [secondMoment(i), constant([pack.size], 0)] as const,
      ]);
      return Object.fromEntries(moments);
    },

    update(params, grads, state, lr, step, weightDecay) {
      const packs = packsOf(params, config);
      const gradNorm = globalNorm(packs.flatMap(({ members }) => members.map(({ name }) => grads[name]!)));

      // The moments are kept as sums, m + g and v + g² with the older terms decayed: the averages of the paper are these
      // times 1 - beta. That factor and both bias corrections go into two scalars, so that the large tensors see fewer
      // ops: lr (m / c1) / (sqrt(v / c2) + eps) = (lr sqrt(c2) / c1) m / (sqrt(v) + eps sqrt(c2)).
      const correction1 = tf.div(tf.sub(1, tf.pow(beta1, step)), 1 - beta1);
      const correction2 = tf.sqrt(tf.div(tf.sub(1, tf.pow(beta2, step)), 1 - beta2));
      const floor = tf.mul(eps, correction2);
      const clip = clipping(gradNorm, config);
      // No parameter changes before every gradient is there: then none is read any more, and it may be changed in place.
      const settled = after(lr, gradNorm);
      const scalarsOf = memoized((pack: Pack): Tensor1D => {
        const ownLr = rateOf(pack, settled);
        const keep = pack.decays ? tf.sub(1, tf.mul(ownLr, weightDecay ?? config.weightDecay)) : tf.scalar(1);
        return tf.stack([tf.div(tf.mul(ownLr, correction2), correction1), floor, keep, clip]) as Tensor1D;
      });

      const next = { params: {} as Record<string, Tensor>, state: {} as Record<string, Tensor> };
      packs.forEach((pack, i) => {
        const members = pack.members.map(({ name }) => ({ parameter: params[name]!, gradient: grads[name]! }));
        const rules = { beta1, beta2, scalars: scalarsOf(pack) };
        const { m, v, parameters } = adamwUpdate(members, state[firstMoment(i)]!, state[secondMoment(i)]!, rules);
        next.state[firstMoment(i)] = m;
        next.state[secondMoment(i)] = v;
        pack.members.forEach(({ name }, j) => (next.params[name] = parameters[j]!));
      });
      return { ...next, gradNorm };
    },
  };
}

/** Of packs that are updated alike, once. */
function memoized<T>(f: (pack: Pack) => T): (pack: Pack) => T {
  const known = new Map<string, T>();
  return (pack) => {
    const kind = `${pack.decays} ${pack.scale}`;
    const made = known.get(kind) ?? f(pack);
    known.set(kind, made);
    return made;
  };
}
