/** What can go wrong on a GPU, told apart by what ONNX Runtime's WebGPU provider and its driver say. */

export type Fault = 'no provider' | 'no adapter' | 'no float16' | 'lost' | 'memory' | 'driver';

/** A GPU that cannot be used, or no longer. The message is the provider's. */
export class DeviceError extends Error {
  constructor(
    readonly fault: Fault,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DeviceError';
  }
}

const signs: readonly (readonly [RegExp, Fault])[] = [
  [/not (supported|enabled) in this build/, 'no provider'],
  [/Failed to get a WebGPU (adapter|device)/, 'no adapter'],
  [/requires f16/, 'no float16'],
  [/is lost|device lost|DEVICE_LOST/i, 'lost'],
  // Where memory is short the provider logs so and goes on with a buffer that is none, until the run is found invalid.
  [/Invalid Buffer|OUT_OF_(DEVICE|HOST)_MEMORY|Allocation size too large/, 'memory'],
  [/webgpu|vulkan|\bVK_ERROR|d3d12|metal/i, 'driver'],
];

export function faultOf(message: string): Fault | undefined {
  return signs.find(([sign]) => sign.test(message))?.[1];
}

/** Without the source line that ONNX Runtime puts first: "/onnxruntime_src/... was false. Failed to get a WebGPU adapter: ..." */
export const providerWords = (message: string): string =>
  message
    .split(/ was false\. |\[ONNXRuntimeError\] : \d+ : \w+ : |Status Message: \S+ /)
    .at(-1)!
    .trim();

/** Runs something on the GPU; what fails there is a `DeviceError`. */
export function onGpu<T>(f: () => T): T {
  try {
    return f();
  } catch (error) {
    const { message } = error as Error;
    const fault = faultOf(message);
    if (!fault) throw error;
    throw new DeviceError(fault, providerWords(message), { cause: error });
  }
}
