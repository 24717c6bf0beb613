/**
 * LARS (You et al. 2017, "Large Batch Training of Convolutional Networks", arXiv:1708.03888) as MoCo v3's code has it:
 * momentum over gradients that are scaled, parameter by parameter, to a set share of the parameter's own norm. Parameters
 * that do not decay (by default those of one axis: biases, norms) are not scaled either.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { constant } from './initializers';
import { OPTIMIZER_PREFIX, clipped, joined, packsOf, parted, rateOf } from './optimizer';
import type { Optimizer, UpdateRules } from './optimizer';

export interface LarsConfig extends UpdateRules {
  /** How much of the velocity is left after an update. */
  readonly momentum: number;
  /** Norm of a scaled gradient as a share of its parameter's norm. */
  readonly trust?: number;
}

const velocity = (pack: number) => `${OPTIMIZER_PREFIX}velocity.${pack}`;

export function lars(config: LarsConfig): Optimizer {
  const { momentum, trust = 0.001 } = config;
  return {
    init: (params) =>
      Object.fromEntries(packsOf(params, config).map(({ size }, i) => [velocity(i), constant([size], 0)])),

    update(params, grads, state, lr, _step, weightDecay) {
      const packs = packsOf(params, config);
      const { gradients, gradNorm } = clipped(packs, grads, config);
      const next = { params: {} as Record<string, Tensor>, state: {} as Record<string, Tensor> };
      packs.forEach((pack, i) => {
        const old = joined(pack, params); // [pack.size]
        let gradient: Tensor = gradients[i]!;
        if (pack.decays) {
          const decayed = parted(pack, tf.add(gradient, tf.mul(old, weightDecay ?? config.weightDecay)));
          const adapted = Object.entries(decayed).map(
            ([name, own]) => [name, adapt(params[name]!, own, trust)] as const,
          );
          gradient = joined(pack, Object.fromEntries(adapted));
        }
        const moved = tf.add(tf.mul(state[velocity(i)]!, momentum), gradient);
        next.state[velocity(i)] = moved;
        Object.assign(next.params, parted(pack, tf.sub(old, tf.mul(moved, rateOf(pack, lr)))));
      });
      return { ...next, gradNorm };
    },
  };
}

/** The gradient at the norm of `trust` times its parameter's; as it is where one of both is zero. */
function adapt(param: Tensor, gradient: Tensor, trust: number): Tensor {
  const norm = (x: Tensor): Scalar => tf.sqrt(tf.sum<Scalar>(tf.square(x)));
  const [own, of] = [norm(param), norm(gradient)];
  const isZero = tf.equal(tf.minimum(own, of), 0);
  // A quotient without zeros, since the other branch of a choice is computed as well.
  const ratio = tf.div(tf.mul(own, trust), tf.where(isZero, tf.onesLike(of), of));
  return tf.mul(gradient, tf.where(isZero, tf.onesLike(ratio), ratio));
}
