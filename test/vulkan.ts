/**
 * Software Vulkan drivers as the GPU of a process. The loader's paths must be set when a process starts, so a file that needs
 * one runs itself again in a process that has it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const folder = '/usr/lib/chromium';
const swiftShader = `${folder}/vk_swiftshader_icd.json`;

/** Chromium's too: a device that does nothing, and is refused as one that lacks what WebGPU needs. */
const mock = fileURLToPath(new URL('fixtures/vulkan/mock.json', import.meta.url));

/** SwiftShader, which Debian's chromium brings, does not compute in float16; lavapipe of Mesa 25 does, where it is named. */
const drivers = {
  swiftShader,
  mock,
  mockAndSwiftShader: `${mock}:${swiftShader}`,
  float16: process.env.TESSERA_FLOAT16_DRIVER,
} as const;
type Driver = keyof typeof drivers;

const missing = (driver: Driver): string =>
  driver === 'float16'
    ? 'TESSERA_FLOAT16_DRIVER names no Vulkan driver'
    : `SwiftShader is not installed (${swiftShader}; Debian: apt install chromium)`;

export const hasDriver = (driver: Driver): boolean =>
  existsSync(swiftShader) && (drivers[driver] ?? '').split(':').every((file) => existsSync(file));

export const withDriver = (driver: Driver, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  ...process.env,
  // Vulkan's loader comes with chromium too.
  LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
  VK_ICD_FILENAMES: drivers[driver],
  ...more,
});

/** Whether this process has the driver because `onDriver` started it. */
export const isOnDriver = (driver: Driver): boolean => process.env.TESSERA_TEST_DRIVER === driver;

/** A test that runs the unit tests of `file` again in a process with the driver, or says why it does not. */
export function onDriver(driver: Driver, file: string): void {
  const name = fileURLToPath(file);
  if (!hasDriver(driver)) {
    console.warn(`SKIPPED: ${name} on a GPU, because ${missing(driver)}`);
    it.skip(`on a GPU: ${missing(driver)}`, () => undefined);
    return;
  }
  it(`on ${driver}`, { timeout: 240_000 }, () => {
    const env = withDriver(driver, { TESSERA_TEST_DRIVER: driver });
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', name];
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, vitest, { cwd, env, encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });
}
