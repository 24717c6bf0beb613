import { describe, expect, it } from 'vitest';
import { planRows, secondsInAll, type Plan } from '../../../protocol/plan';

const counted: Plan = {
  engine: 'onnxruntime 1.30.0, CPU, 2 threads',
  encoderParameters: 5_500_000,
  parameters: 7_100_000,
  forwardFlops: 1.26e9,
  stepFlops: 2.5e9,
  batchSize: 64,
  images: 50_000,
  stepsPerEpoch: 781,
  totalSteps: 7810,
  isOnGpu: false,
  stepMemory: 1.2e9,
  stepLimit: 16e9,
  memoryLimit: 16e9,
};

describe('a plan', () => {
  it('tells counts, memory, speed and time, and how much of it are looks', () => {
    const measured = { memory: 1.4e9, secondsPerStep: 0.25, looks: 200 };
    expect(secondsInAll(counted, measured)).toBe(7810 * 0.25 + 200);
    expect(Object.fromEntries(planRows({ ...counted, measured }))).toEqual({
      encoder: '5.50 M parameters, 1.26 G FLOPs an image',
      training: '7.10 M parameters, 2.50 G FLOPs an image and step',
      memory: '1.4 GB of 16.0 GB',
      speed: '256 img/s, 250 ms a step',
      'an epoch': '3 min: 781 steps of 64 of 50,000 images',
      'in all': '36 min: 7,810 steps, 10.0 epochs, 9% of it looks at embeddings',
    });
  });

  it('says instead what to lower where a step does not fit', () => {
    const rows = Object.fromEntries(planRows({ ...counted, stepMemory: 40e9 }));
    expect(rows.memory).toBe('at least 40.0 GB of 16.0 GB: too much. Lower pretrain.batchSize');
    expect(rows.speed).toBeUndefined();
  });

  it('tells the memory of a GPU besides, and how much there is where that is known', () => {
    const measured = { memory: 0.5e9, secondsPerStep: 0.25, looks: 200 };
    const onGpu = { ...counted, measured, isOnGpu: true, stepLimit: 8e9 };
    expect(planRows(onGpu)).toContainEqual(['GPU memory', 'about 1.2 GB of 8.0 GB, for a step']);
    expect(planRows(onGpu)).toContainEqual(['memory', '500 MB of 16.0 GB']);
    const silent = { ...onGpu, stepLimit: undefined };
    expect(planRows(silent)).toContainEqual(['GPU memory', 'about 1.2 GB, for a step']);
    const tooLarge = { ...onGpu, measured: undefined, stepMemory: 9e9 };
    expect(planRows(tooLarge)).toContainEqual(['GPU memory', 'at least 9.0 GB of 8.0 GB: too much. Lower pretrain.batchSize']); // prettier-ignore
  });
});
