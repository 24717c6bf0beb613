import { expect, it } from 'vitest';
import { DeviceError, faultOf, onGpu } from '../../../trainer/engine/device-error';

// What onnxruntime 1.30.0 said when these were made to happen, but for the first, which a build for another platform says.
it.each([
  ['no provider', 'WebGPU execution provider is not supported in this build.'],
  [
    'no adapter',
    '/onnxruntime_src/webgpu_context.cc:136 was false. Failed to get a WebGPU adapter: No supported adapters',
  ],
  [
    'no float16',
    'shader_helper.cc:416 GenerateSourceCode Program Cast requires f16 but the device does not support it.',
  ],
  ['lost', 'Failed to download data from buffer. wgpu::MapAsyncStatus value: 4, message: [Device] is lost.'],
  ['memory', 'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.'],
  [
    'driver',
    '/onnxruntime_src/buffer_manager.cc:605 [ONNXRuntimeError] : 1 : FAIL : Failed to create a WebGPU compute pipeline: CreateComputePipelines failed with VK_ERROR_INITIALIZATION_FAILED',
  ],
])('%s is told by what ONNX Runtime says', (fault, message) => expect(faultOf(message)).toBe(fault));

it('what fails on the GPU says so in its own words, what fails beside it stays as it is', () => {
  const fail = (message: string) => () =>
    onGpu(() => {
      throw new Error(message);
    });
  expect(fail('/onnxruntime_src/a.cc:1 x was false. Failed to get a WebGPU adapter: none')).toThrow(
    new DeviceError('no adapter', 'Failed to get a WebGPU adapter: none'),
  );
  expect(fail('input "x" is missing')).toThrow(/^input "x" is missing$/);
});
