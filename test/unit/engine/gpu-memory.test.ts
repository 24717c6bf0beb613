/** The memory of a GPU that a step is told to take, beside what a driver is then asked for. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import { gpuMemory } from '../../../trainer/engine/gpu-memory';
import { createEngine } from '../../../trainer/engine/index';
import { createMethod } from '../../../trainer/methods/index';
import { trainingToMeasure } from '../../../trainer/methods/training';
import { faultLayer, isOnDriver, onDriver } from '../../vulkan';

const vit = { patchSize: 16, width: 128, depth: 3, heads: 2 };
const cases = [
  ['of few images, where state is most of it', { method: 'mae', backbone: vit, batchSize: 8 }],
  ['of many, where results are', { method: 'rotation', backbone: { ...vit, width: 32, patchSize: 8 }, batchSize: 32 }],
] as const;

const program = (pretrain: (typeof cases)[number][1]) => {
  const settings = PretrainConfig.parse(pretrain);
  const training = trainingToMeasure(createMethod(settings, 32), settings, 0);
  return { ...training, spec: { state: training.fresh, inputs: training.inputs } };
};

if (isOnDriver('swiftShader')) {
  // A process for each case, since the driver's memory is counted for the whole of one.
  const [, pretrain] = cases.find(([name]) => name === process.env.TESSERA_TEST_CASE)!;
  it('is taken', async () => {
    const { step, fresh, spec, given } = program(pretrain);
    const engine = await createEngine({ device: 'webgpu' });
    const state = engine.upload(fresh);
    const compiled = await engine.compile(step, spec);
    for (let i = 0; i < 2; i++) await compiled.run(state, given(i));
    const taken = Number(readFileSync(process.env.TESSERA_MEMORY_LOG!, 'utf8'));
    const foretold = gpuMemory(step, spec);
    expect(foretold / taken).toBeGreaterThan(0.8);
    expect(foretold / taken).toBeLessThan(1.2);
  });
} else {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-gpu-memory-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  describe('what a step is told to take', () => {
    for (const [name] of cases) {
      onDriver('swiftShader', import.meta.url, () => ({
        ...faultLayer(folder),
        TESSERA_MEMORY_LOG: join(folder, 'bytes'),
        TESSERA_TEST_CASE: name,
      }));
    }
  });
}
