/** A residual network's parameters by torchvision's names and in its layouts (docs/export.md). */
import type { HostTensor, HostTensors } from '../engine/types';
import { encoderOf } from '../nn/encoder';

export function torchvisionTensors(params: HostTensors): HostTensors {
  const renamed = Object.entries(encoderOf(params)).map(([name, tensor]) => [
    torchvisionName(name),
    name.endsWith('.kernel') ? channelsFirst(tensor) : tensor,
  ]);
  return Object.fromEntries(renamed) as HostTensors;
}

function torchvisionName(name: string): string {
  return name
    .replace(/^(buffer\.)?encoder\./, '')
    .replace('stem.conv.', 'conv1.')
    .replace('stem.norm.', 'bn1.')
    .replace(/^stages\.(\d+)\.blocks\./, (_, stage) => `layer${Number(stage) + 1}.`)
    .replace('.shortcut.conv.', '.downsample.0.')
    .replace('.shortcut.norm.', '.downsample.1.')
    .replace(/\.norm(\d)\./, '.bn$1.')
    .replace(/\.(kernel|scale)$/, '.weight')
    .replace(/\.shift$/, '.bias')
    .replace(/\.mean$/, '.running_mean')
    .replace(/\.variance$/, '.running_var');
}

/** [row, column, in, out] -> [out, in, row, column]. */
function channelsFirst({ shape, data }: HostTensor): HostTensor {
  const [rows, columns, inputs, outputs] = shape as [number, number, number, number];
  const pixels = rows * columns;
  const moved = new Float32Array(data.length);
  for (let pixel = 0; pixel < pixels; pixel++)
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++)
        moved[(o * inputs + i) * pixels + pixel] = data[(pixel * inputs + i) * outputs + o]!;
  return { dtype: 'float32', shape: [outputs, inputs, rows, columns], data: moved };
}
