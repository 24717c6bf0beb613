/**
 * Software Vulkan drivers as the GPU of a process. The loader's paths must be set when a process starts, so a file that needs
 * one runs itself again in a process that has it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
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

const compiler = ['/usr/bin/cc', '/usr/bin/gcc', '/usr/bin/clang'].find((file) => existsSync(file));

/** Why `faultLayer` cannot be made here. */
export const missingLayer = (): string | undefined =>
  hasDriver('swiftShader') ? (compiler ? undefined : 'there is no C compiler') : missing('swiftShader');

/** Compiles the layer of fixtures/vulkan/fault.c into a folder. Gives what puts it before a driver. */
export function faultLayer(folder: string): NodeJS.ProcessEnv {
  const fixtures = fileURLToPath(new URL('fixtures/vulkan', import.meta.url));
  execFileSync(compiler!, ['-shared', '-fPIC', '-o', join(folder, 'libfault.so'), join(fixtures, 'fault.c')]);
  cpSync(join(fixtures, 'fault.json'), join(folder, 'fault.json'));
  return { VK_LAYER_PATH: folder, VK_INSTANCE_LAYERS: 'VK_LAYER_TESSERA_fault' };
}

/** Whether this process has the driver because `onDriver` started it. */
export const isOnDriver = (driver: Driver): boolean => process.env.TESSERA_TEST_DRIVER === driver;

/** A test that runs the unit tests of `file` again in a process with the driver, or says why it does not. */
export function onDriver(driver: Driver, file: string, more: () => NodeJS.ProcessEnv = () => ({})): void {
  const name = fileURLToPath(file);
  if (!hasDriver(driver)) {
    console.warn(`SKIPPED: ${name} on a GPU, because ${missing(driver)}`);
    it.skip(`on a GPU: ${missing(driver)}`, () => undefined);
    return;
  }
  it(`on ${driver}`, { timeout: 240_000 }, () => {
    const env = withDriver(driver, { TESSERA_TEST_DRIVER: driver, ...more() });
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', name];
    const cwd = fileURLToPath(new URL('..', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, vitest, { cwd, env, encoding: 'utf8' });
    expect(status, stdout + stderr).toBe(0);
  });
}
