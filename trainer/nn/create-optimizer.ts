/** The optimizer that a config asks for. */
import { adamw } from './adamw';
import { lars } from './lars';
import type { Optimizer, UpdateRules } from './optimizer';
import { sgd } from './sgd';

export interface OptimizerSettings extends UpdateRules {
  readonly type: 'adamw' | 'sgd' | 'lars';
  /** Of AdamW. */
  readonly betas: readonly [number, number];
  /** Of SGD and LARS. */
  readonly momentum: number;
}

export function createOptimizer(settings: OptimizerSettings): Optimizer {
  switch (settings.type) {
    case 'adamw':
      return adamw(settings);
    case 'sgd':
      return sgd(settings);
    case 'lars':
      return lars(settings);
  }
}
