/** AdamW (Loshchilov and Hutter 2019) over named parameters, as one pure and traceable function. */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { constant } from './initializers';
import { OPTIMIZER_PREFIX, clipped, packsOf, parted, rateOf } from './optimizer';
import type { Optimizer, UpdateRules } from './optimizer';

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
      const { gradients, squares, gradNorm } = clipped(packs, grads, config);

      // The moments are kept as sums, m + g and v + g² with the older terms decayed: the averages of the paper are these
      // times 1 - beta. That factor and both bias corrections go into two scalars, so that the large tensors see fewer
      // ops: lr (m / c1) / (sqrt(v / c2) + eps) = (lr sqrt(c2) / c1) m / (sqrt(v) + eps sqrt(c2)).
      const correction1 = tf.div(tf.sub(1, tf.pow(beta1, step)), 1 - beta1);
      const correction2 = tf.sqrt(tf.div(tf.sub(1, tf.pow(beta2, step)), 1 - beta2));
      const floor = tf.mul(eps, correction2);

      const next = { params: {} as Record<string, Tensor>, state: {} as Record<string, Tensor> };
      packs.forEach((pack, i) => {
        const ownLr = rateOf(pack, lr);
        const rate = tf.div(tf.mul(ownLr, correction2), correction1);

        const m = tf.add(tf.mul(state[firstMoment(i)]!, beta1), gradients[i]!);
        const v = tf.add(tf.mul(state[secondMoment(i)]!, beta2), squares[i]!);
        next.state[firstMoment(i)] = m;
        next.state[secondMoment(i)] = v;

        const update = tf.mul(tf.div(m, tf.add(tf.sqrt(v), floor)), rate); // [pack.size]
        const keep = tf.sub(1, tf.mul(ownLr, weightDecay ?? config.weightDecay));
        for (const [name, change] of Object.entries(parted(pack, update))) {
          const old = params[name]!;
          next.params[name] = tf.sub(pack.decays ? tf.mul(old, keep) : old, change);
        }
      });
      return { ...next, gradNorm };
    },
  };
}
