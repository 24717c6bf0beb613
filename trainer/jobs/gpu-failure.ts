/** What a failed GPU means for a run, in words for people, with the ways out. */
import type { DeviceError, Fault } from '../engine/index';

/** In a run, whose config stays as it is. */
const inRun: Record<Fault, string> = {
  'no provider': 'ONNX Runtime has no WebGPU on this platform.',
  'no adapter': 'There is no GPU that WebGPU can use.',
  'no float16':
    'This GPU does not compute in float16, which "pretrain.precision": "mixed" needs: say "float32" and start again.',
  lost: 'The GPU was lost: its driver was reset or crashed, or the machine slept or took it away.',
  memory:
    'The GPU has too little memory for this. Close what else uses it, or lower pretrain.batchSize or pretrain.backbone.width and start again.',
  driver: 'The GPU’s driver failed; a newer one may mend it.',
};

/** What one can do with the run as it is. */
const goOn =
  'What the last checkpoint has is safe: Resume goes on from it, and "Resume on the CPU" (tessera resume --device cpu) goes on without the GPU.';

export const describeGpuFailure = ({ fault, message }: DeviceError): string =>
  `${inRun[fault]}${fault === 'no float16' ? '' : ` ${goOn}`} (${message.split('\n')[0]})`;

/** Before a run has begun, while another device can be chosen. */
const atStart: Record<Fault, string> = {
  'no provider': 'ONNX Runtime has no WebGPU on this platform, whatever GPU it has',
  'no adapter':
    'No GPU here has a driver that WebGPU can use. Install or update the GPU’s driver (Vulkan on Linux, Direct3D 12 on Windows); "tessera doctor" says what was found',
  'no float16': 'This GPU does not compute in float16. Say "pretrain.precision": "float32"',
  lost: 'The GPU was lost while it was tried. Try again after its driver has come back',
  memory: 'The GPU has no memory left, not even for a number. Close what else uses it',
  driver: 'The GPU’s driver fails. Update it',
};

export const describeUnusableGpu = ({ fault, message }: DeviceError): string =>
  `${atStart[fault]} (${message.split('\n')[0]}).`;
