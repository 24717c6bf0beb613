/**
 * SwiftShader, a software Vulkan that Debian's chromium brings, as the GPU of a process. The loader's paths must be set when a
 * process starts, so what needs it runs in one of its own.
 */
import { existsSync } from 'node:fs';
import { it } from 'vitest';

const folder = '/usr/lib/chromium';
const driver = `${folder}/vk_swiftshader_icd.json`;

export const hasSwiftShader = existsSync(driver);

export const withSwiftShader = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  LD_LIBRARY_PATH: folder,
  VK_ICD_FILENAMES: driver,
  ...more,
});

/** In a file's place: says that, and why, it is left out. */
export function skipWithoutSwiftShader(what: string): void {
  console.warn(`SKIPPED: ${what}, because SwiftShader is not installed (${driver}; Debian: apt install chromium)`);
  it.skip(`${what}: no ${driver}`, () => undefined);
}
