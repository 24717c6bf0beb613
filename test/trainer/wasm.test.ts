/** WebAssembly in place of ONNX Runtime's native library, in installations that lack one, the other or both. */
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Run } from '../../protocol/run';
import { ended, project, startOther, tinyWith, train } from './support';

const koffi = `@koromix/koffi-${process.platform}-${process.arch}`;
const native = ['onnxruntime-node', 'onnxruntime-common', koffi];
const steps = { steps: 4, checkpointEvery: 2 };

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** The bundles somewhere else, with these of the packages that they take from outside. Returns the folder. */
async function installation(...packages: string[]): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'tessera-installation-')));
  folders.push(folder);
  for (const bundle of ['trainer.mjs', 'worker.mjs']) await cp(join('dist', bundle), join(folder, bundle));
  for (const name of ['sharp', ...packages]) {
    await mkdir(dirname(join(folder, 'node_modules', name)), { recursive: true });
    await symlink(resolve('node_modules', name), join(folder, 'node_modules', name), 'junction');
  }
  return folder;
}

/** Trains there, with this `device`. */
async function trainIn(folder: string, device: string): Promise<Run> {
  const file = await project(tinyWith(steps, { device }));
  return await ended((await startOther(join(folder, 'trainer.mjs'), 'pretrain', file)).directory);
}

it('trains where there is no native library, and says so', async () => {
  const run = await trainIn(await installation('onnxruntime-web'), 'auto');
  expect(run).toMatchObject({
    status: 'finished',
    step: 4,
    engine: expect.stringMatching(/^onnxruntime [\d.]+, WebAssembly, \d+ threads?$/) as string,
    fallback: `ONNX Runtime's native library does not work here, so WebAssembly runs, several times slower: there is no native ONNX Runtime for ${process.platform}-${process.arch}.`,
  });
});

it('trains where the native library does not load, and says why not', async () => {
  const folder = await installation('onnxruntime-web', koffi);
  const library = join('bin', 'napi-v6', process.platform, process.arch);
  const broken = join(folder, 'node_modules', 'onnxruntime-node');
  await mkdir(join(broken, library), { recursive: true });
  await cp(resolve('node_modules/onnxruntime-node/package.json'), join(broken, 'package.json'));
  for (const file of ['libonnxruntime.so.1', 'libonnxruntime.1.dylib', 'onnxruntime.dll']) {
    await writeFile(join(broken, library, file), 'no library');
  }
  const run = await trainIn(folder, 'auto');
  expect(run).toMatchObject({
    status: 'finished',
    engine: expect.stringContaining('WebAssembly') as string,
    fallback: expect.stringMatching(
      /^ONNX Runtime's native library does not work here, .*load shared library: .*\.$/,
    ) as string,
  });

  const asked = await trainIn(folder, 'cpu');
  expect(asked).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(
      /^"device" is "cpu", which does not work here: .*\. Say "wasm" or "auto"\.$/,
    ) as string,
  });
});

it('fails by field and fix where it is asked for and is not there', async () => {
  const run = await trainIn(await installation(...native), 'wasm');
  expect(run.reason).toBe(
    '"device" is "wasm", which does not work here: onnxruntime-web is not installed. Say "cpu" or "auto".',
  );
});

it('fails with both reasons where neither is there', async () => {
  const run = await trainIn(await installation(), 'auto');
  expect(run.status).toBe('failed');
  expect(run.reason).toMatch(
    /no native ONNX Runtime for .*onnxruntime-web is not installed\. "tessera doctor" says more/,
  );
});

describe('a model that outgrows its 4 GiB fails by field and fix', () => {
  const lower = 'The model does not fit into memory: lower pretrain.batchSize, pretrain.backbone.width or pretrain.backbone.depth.'; // prettier-ignore
  // Attention holds 1024 x 1024 values of each view.
  const backbone = { patchSize: 2, width: 16, depth: 1, heads: 1 };
  const outgrown = (pretrain: { method: string; batchSize: number }) =>
    train({
      data: { source: 'builtin:shapes', imageSize: 64, train: pretrain.batchSize, test: 10 },
      device: 'wasm',
      pretrain: { backbone, steps: 3, ...pretrain },
    });

  it('where that is sure beforehand', async () => {
    const { run } = await outgrown({ method: 'rotation', batchSize: 1200 });
    expect(run.status).toBe('failed');
    expect(run.reason).toMatch(new RegExp(`^${lower} It needs at least .*; there are 4.3 GB.$`));
  });

  it('in the step', async () => {
    const { run } = await outgrown({ method: 'simclr', batchSize: 700 });
    expect(run.status).toBe('failed');
    expect(run.reason).toMatch(new RegExp(`^${lower} .WebAssembly is out of memory, of which it has 4 GiB at most`));
  });
});
