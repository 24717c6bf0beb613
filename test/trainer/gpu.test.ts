/**
 * A training on a WebGPU device whose driver fails: SwiftShader with a Vulkan layer before it (test/fixtures/vulkan/fault.c)
 * that returns what real drivers do.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRun } from '../../client/index';
import { checkpointSteps } from '../../trainer/jobs/checkpoint';
import { faultLayer, missingLayer, withDriver } from '../vulkan';
import { ended, follow, project, start, startIn, tessera, tesseraGiven, tinyWith } from './support';

const missing = missingLayer();
if (missing) console.warn(`SKIPPED: a GPU that fails, because ${missing}`);

const config = (pretrain = {}, others = {}) =>
  tinyWith(
    { steps: 1000, logEvery: 1, checkpointEvery: 2, picturesEvery: 1000, healthEvery: 1000, ...pretrain },
    { device: 'webgpu', ...others },
  );

const folder = mkdtempSync(join(tmpdir(), 'tessera-gpu-'));
const sign = join(folder, 'now');
afterAll(() => rmSync(folder, { recursive: true }));
const layer = missing ? {} : faultLayer(folder);
const withFaults = (more: NodeJS.ProcessEnv) => withDriver('swiftShader', { ...layer, ...more });

describe.skipIf(missing)('a run on a GPU', { timeout: 600_000 }, () => {
  /** Trains to a first checkpoint, and then lets the driver fail. */
  async function failAfterCheckpoint(env: NodeJS.ProcessEnv) {
    rmSync(sign, { force: true });
    const { directory } = await startIn(env, 'pretrain', await project(config()));
    const { feed, until } = await follow(directory);
    await until(({ run, alive }) => run.checkpoints.length > 0 || !alive);
    writeFileSync(sign, '');
    const { run, liveStatus } = await until(({ alive }) => !alive);
    feed.dispose();
    return { directory, run, liveStatus };
  }

  it('that is lost ends as failed with a checkpoint, from which it goes on without the GPU', async () => {
    const { directory, run, liveStatus } = await failAfterCheckpoint(withFaults({ TESSERA_LOSE_WHEN: sign }));
    expect(liveStatus).toBe('failed');
    expect(run.reason).toMatch(/^The GPU was lost: .* "Resume on the CPU" \(tessera resume --device cpu\)/);
    expect(run.traffic!.downloaded).toBe(8);
    const saved = await checkpointSteps(directory);
    expect(saved.length).toBeGreaterThan(0);

    const { pid } = await start('resume', directory, '--device', 'cpu');
    const { feed, until } = await follow(directory);
    await until(({ run }) => run.step > saved.at(-1)! + 5);
    process.kill(pid, 'SIGTERM');
    await until(({ alive }) => !alive);
    feed.dispose();
    const resumed = await readRun(directory);
    expect(resumed.engine).toMatch(/CPU/);
    const notices = resumed.notices.map(({ message }) => message);
    expect(notices).toContainEqual(expect.stringMatching(/^Steps up to \d+ ran on .*WebGPU.*, the rest runs on .*CPU/));
    expect(resumed.metrics['train/loss']!.steps).toEqual(Array.from({ length: resumed.step }, (_, i) => i + 1));
  });

  it('whose driver takes the process down is seen as crashed, and goes on when the driver is back', async () => {
    const { directory, run, liveStatus } = await failAfterCheckpoint(withFaults({ TESSERA_CRASH_WHEN: sign }));
    expect(liveStatus).toBe('crashed');
    expect(run.checkpoints.length).toBeGreaterThan(0);

    const saved = (await checkpointSteps(directory)).at(-1)!;
    const { pid } = await startIn(withDriver('swiftShader'), 'resume', directory);
    const { feed, until } = await follow(directory);
    const { run: resumed } = await until(({ run }) => run.step > saved + 1 && run.pid === pid);
    process.kill(pid, 'SIGTERM');
    await until(({ alive }) => !alive);
    feed.dispose();
    expect(resumed.engine).toBe(run.engine);
    expect(resumed.notices).toEqual([]);
  });

  it.each([
    [
      'has too little memory for the batch',
      withFaults({ TESSERA_MEMORY_LIMIT: String(2 ** 25) }),
      config({ backbone: { patchSize: 4, width: 256, depth: 4, heads: 4 }, batchSize: 48 }),
      /^The GPU has too little memory for this\. .*lower pretrain\.batchSize or pretrain\.backbone\.width/,
    ],
    [
      'does not compute in float16',
      withDriver('swiftShader'),
      config({ precision: 'mixed' }),
      /does not work here: This GPU does not compute in float16\. Say "pretrain\.precision": "float32" .*Say "cpu" or "auto"\.$/s,
    ],
    [
      'has a driver that fails',
      withFaults({ TESSERA_FAIL_WHEN: resolve('package.json') }),
      config(),
      /does not work here: The GPU’s driver fails\. Update it \(Failed to create a WebGPU compute pipeline: .*Say "cpu" or "auto"\.$/s,
    ],
    [
      'is not there',
      withDriver('swiftShader', { VK_ICD_FILENAMES: '/nowhere/icd.json' }),
      config(),
      /does not work here: No GPU here has a driver that WebGPU can use\. Install or update .*Say "cpu" or "auto"\.$/s,
    ],
    [
      'is not the one that was asked for',
      withDriver('swiftShader', { TESSERA_GPU: 'Voodoo' }),
      config(),
      /There is no GPU called "Voodoo"; there are "SwiftShader Device \(\w+\)", "high-performance", "low-power"\./,
    ],
  ])('that %s ends as failed, with what to do', async (_, env, config, reason) => {
    const { directory } = await startIn(env, 'pretrain', await project(config));
    const run = await ended(directory);
    expect(run.status).toBe('failed');
    expect(run.reason).toMatch(reason);
    expect((await readRun(directory)).checkpoints).toEqual([]);
  });
});

it.skipIf(missing)('a plan says that a step will not fit into the GPU’s memory', { timeout: 120_000 }, async () => {
  const file = await project(config({ backbone: { patchSize: 1, width: 1024, depth: 12, heads: 4 }, batchSize: 48 }));
  const { stdout } = await tesseraGiven({ cwd: folder, env: withDriver('swiftShader') }, 'plan', file);
  expect(stdout).toMatch(/GPU memory +at least [\d.]+ GB of [\d.]+ GB: too much\. Lower pretrain\.batchSize/);
});

describe.skipIf(missing)('a run that may take any device', { timeout: 120_000 }, () => {
  it('trains on the CPU where the GPU’s driver takes processes down, and says so', async () => {
    const env = withFaults({ TESSERA_CRASH_WHEN: resolve('package.json') });
    const { directory } = await startIn(env, 'pretrain', await project(config({ steps: 2 }, { device: 'auto' })));
    const run = await ended(directory);
    expect([run.status, run.engine]).toEqual(['finished', expect.stringMatching(/CPU/)]);
    expect(run.fallback).toMatch(/^WebGPU does not work here: .* ended without an answer \(SIGABRT\): update/);
  });
});

it('a run does not resume on a device that is none', async () => {
  const { code, stderr } = await tessera(tmpdir(), 'resume', 'some', '--device', 'gpu');
  expect([code, stderr]).toEqual([2, expect.stringMatching(/--device/)]);
});
