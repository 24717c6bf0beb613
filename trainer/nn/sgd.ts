/**
 * Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013) as torch.optim.SGD has it: the weight decay
 * is part of the gradient, and the learning rate is applied to the velocity, not kept in it.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { constant } from './initializers';
import { OPTIMIZER_PREFIX, clipped, joined, packsOf, parted, rateOf } from './optimizer';
import type { Optimizer, UpdateRules } from './optimizer';

export interface SgdConfig extends UpdateRules {
  /** How much of the velocity is left after an update; 0 for plain gradient descent. */
  readonly momentum: number;
}

const velocity = (pack: number) => `${OPTIMIZER_PREFIX}velocity.${pack}`;

export function sgd(config: SgdConfig): Optimizer {
  return {
    init: (params) =>
      Object.fromEntries(packsOf(params, config).map(({ size }, i) => [velocity(i), constant([size], 0)])),

    update(params, grads, state, lr, _step, weightDecay) {
      const packs = packsOf(params, config);
      const { gradients, gradNorm } = clipped(packs, grads, config);
      const next = { params: {} as Record<string, Tensor>, state: {} as Record<string, Tensor> };
      packs.forEach((pack, i) => {
        const old = joined(pack, params); // [pack.size]
        const decay = tf.mul(old, weightDecay ?? config.weightDecay);
        const gradient = pack.decays ? tf.add(gradients[i]!, decay) : gradients[i]!;
        const moved = tf.add(tf.mul(state[velocity(i)]!, config.momentum), gradient);
        next.state[velocity(i)] = moved;
        // Nesterov: the gradient, and the velocity as it will be after the next decay.
        const update = tf.add(gradient, tf.mul(moved, config.momentum));
        Object.assign(next.params, parted(pack, tf.sub(old, tf.mul(update, rateOf(pack, lr)))));
      });
      return { ...next, gradNorm };
    },
  };
}
