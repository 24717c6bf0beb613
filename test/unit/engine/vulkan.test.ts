/** GPUs that Vulkan's loader finds: two of them, and one that WebGPU refuses. */
import { describe, expect, it } from 'vitest';
import { probeDevice } from '../../../trainer/engine/probe';
import { chooseGpu, memoryOfGpu, vulkanAdapters } from '../../../trainer/engine/vulkan';
import { isOnDriver, onDriver } from '../../vulkan';

const names = () => vulkanAdapters().map(({ name }) => name);

if (isOnDriver('mockAndSwiftShader')) {
  describe('of two GPUs', () => {
    it('both are found and offered, by name', async () => {
      expect(names().toSorted()).toEqual([expect.stringMatching(/^SwiftShader/), 'Vulkan Mock Device']);
      const { detail } = await probeDevice('webgpu');
      expect(detail).toMatch(/tessera\.gpu, or TESSERA_GPU, chooses of .*"Vulkan Mock Device"/);
      expect(detail).toMatch(/without float16, so without mixed precision/);
    });

    it.each(['swift', 'mock'])('one is chosen by a part of its name, "%s"', (part) => {
      const { name } = chooseGpu(part);
      expect(name!.toLowerCase()).toContain(part);
      const { id } = vulkanAdapters().find((adapter) => adapter.name === name)!;
      expect(process.env.VK_LOADER_DEVICE_SELECT).toBe(id);
    });

    it('the memory of the one that is chosen is told', () => {
      const memory = memoryOfGpu('swift');
      expect(memory).toBe(vulkanAdapters().find(({ name }) => name.startsWith('SwiftShader'))!.memory);
      expect(memory).toBeGreaterThan(2 ** 28);
      expect(memory! % 4096).toBe(0);
    });

    it('none is by another name', () => {
      expect(() => chooseGpu('Voodoo')).toThrow(/^There is no GPU called "Voodoo"; there are .*"Vulkan Mock Device"/);
    });
  });
} else if (isOnDriver('mock')) {
  it('a GPU whose driver lacks what WebGPU needs is named, with the fix', async () => {
    const { available, isBroken, detail } = await probeDevice('webgpu');
    expect([available, isBroken]).toEqual([false, true]);
    expect(detail).toBe('there is "Vulkan Mock Device", but its driver is too old for WebGPU or lacks what that needs; update it'); // prettier-ignore
  });
} else {
  onDriver('mockAndSwiftShader', import.meta.url);
  onDriver('mock', import.meta.url);
}

it('asks for a fast GPU or a frugal one without a look at them', () => {
  expect([undefined, 'high-performance', 'low-power'].map((wanted) => chooseGpu(wanted).power)).toEqual([
    'high-performance',
    'high-performance',
    'low-power',
  ]);
});
