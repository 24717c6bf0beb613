/** The tensorflow engine: the step itself, run eagerly by TensorFlow's library, on a CUDA GPU or on the CPU. */
import { createEagerEngine } from './eager';
import { loadTensorflow, TENSORFLOW } from './tensorflow/load';
import { trace } from './trace';
import type { Engine } from './types';

/** `folder` is an installation of `@tensorflow/tfjs-node` or `-gpu`. Throws an Error that says what of it does not load. */
export function createTensorflowEngine(folder: string, device: 'cpu' | 'cuda'): Engine {
  const { version } = loadTensorflow(folder, device);
  return createEagerEngine({
    name: 'tensorflow',
    device,
    description: `TensorFlow ${version}, ${device === 'cpu' ? 'CPU' : 'CUDA'}`,
    backend: TENSORFLOW,
    // A step that was written for this engine alone would surprise on the next machine: it has to compile.
    outputsOf: (step, spec) => trace(step, spec).outputSpecs,
  });
}
