/** The reference engine: the step itself, run eagerly on tfjs's plain JavaScript backend. */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { createEagerEngine } from './eager';
import type { Engine } from './types';

export function createReferenceEngine(): Engine {
  // Its first write would print an advertisement.
  (tf.findBackend('cpu') as { firstUse?: boolean }).firstUse = false;
  const description = `tfjs ${tf.version_core}, plain JavaScript, eager`;
  return createEagerEngine('cpu', { name: 'reference', device: 'cpu', description });
}
