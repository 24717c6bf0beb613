/**
 * Lets a long computation share its thread: `await pace()` now and then gives the event loop a
 * turn when some 20 ms have passed, and throws the signal's reason when it was aborted.
 */
export function createPace(signal?: AbortSignal): () => Promise<void> {
  let last = performance.now();
  return async () => {
    signal?.throwIfAborted();
    if (performance.now() - last < 20) return;
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    last = performance.now();
  };
}
