/** Variables that the library reads once, when it is loaded. What the user has set stays. */
export function environment(device: 'cpu' | 'cuda'): Record<string, string> {
  return {
    // All of a GPU's memory would be taken otherwise, be it needed or not.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    // A resumed run must be what an uninterrupted one would have been.
    TF_DETERMINISTIC_OPS: '1',
    // float32 is float32: no 10-bit mantissas in products.
    NVIDIA_TF32_OVERRIDE: '0',
    TF_CPP_MIN_LOG_LEVEL: '1',
    ...process.env,
    ...(device === 'cpu' ? { CUDA_VISIBLE_DEVICES: '-1' } : {}),
  };
}
