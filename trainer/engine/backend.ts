import * as tf from '@tensorflow/tfjs-core';

/** Runs a function with one of tfjs's backends in place, and puts back the one that was. */
export function onBackend<T>(backend: string, f: () => T): T {
  const previous = tf.engine().backendName;
  // Synchronous for a backend with a synchronous factory.
  if (previous !== backend) void tf.engine().setBackend(backend);
  try {
    return f();
  } finally {
    if (previous && previous !== backend) void tf.engine().setBackend(previous);
  }
}
