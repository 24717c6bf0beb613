/** What a run gets when the tensorflow engine is not there or broken; that it works is tested with the engine itself. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { probeTensorflow } from '../../../trainer/engine/index';
import { chooseEngine } from '../../../trainer/jobs/engine-choice';
import { enginesFolder } from '../../../trainer/jobs/engines-folder';

const before = process.env.TESSERA_ENGINES;
let engines: string;
let folder: string;
beforeAll(() => void (engines = mkdtempSync(join(tmpdir(), 'tessera-choice-'))));
beforeEach(() => {
  process.env.TESSERA_ENGINES = engines;
  folder = join(engines, 'tensorflow');
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => {
  rmSync(engines, { recursive: true });
  if (before === undefined) delete process.env.TESSERA_ENGINES;
  else process.env.TESSERA_ENGINES = before;
});

const root = 'node_modules/@tensorflow/tfjs-node';
const manifest = { package: '@tensorflow/tfjs-node', packageVersion: '4.22.0', platform: `${process.platform}-${process.arch}` }; // prettier-ignore
/** An installation that has all files and whose addon is no library. */
const files: Readonly<Record<string, string>> = {
  'tessera.json': JSON.stringify({ ...manifest, library: 'a wheel' }),
  [`${root}/package.json`]: '{}',
  [`${root}/dist/nodejs_kernel_backend.js`]: '',
  [`${root}/dist/register_all_kernels.js`]: '',
  [`${root}/deps/lib/libtensorflow.so.2`]: 'no library',
  [`${root}/lib/napi-v8/tfjs_binding.node`]: 'no library',
};

function install(content: Readonly<Record<string, string | undefined>>): void {
  for (const [path, text] of Object.entries(content)) {
    if (text === undefined) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

describe('a tensorflow engine that is not installed', () => {
  it('is refused by name, with the command that installs it', async () => {
    await expect(chooseEngine({ engine: 'tensorflow', device: 'auto' })).rejects.toThrow(
      /^"engine" is "tensorflow", but it is not installed\. Install it: tessera engines install tensorflow, .* Or say "onnx" or "auto"\.$/,
    );
    await expect(chooseEngine({ engine: 'auto', device: 'cuda' })).rejects.toThrow(
      /^"device" is "cuda", which does not work here: it is not installed\. .* Say "cpu" or "auto"\.$/,
    );
  });

  it('is not missed by auto', async () => {
    const { engine, fallback } = await chooseEngine({ engine: 'auto', device: 'auto' });
    expect(engine.name).toBe('onnx');
    expect(fallback).toBeUndefined();
  });
});

describe('a tensorflow engine that is broken', () => {
  it('is refused by name, with the file that does not load and why', async () => {
    install(files);
    await expect(chooseEngine({ engine: 'tensorflow', device: 'cpu' })).rejects.toThrow(
      /^"engine" is "tensorflow", but it does not work: .*tfjs_binding\.node does not load: .+ Install it again: /,
    );
  });

  it('is told of by auto, which takes another', async () => {
    install(files);
    const { engine, fallback } = await chooseEngine({ engine: 'auto', device: 'auto' });
    expect(engine.name).toBe('onnx');
    expect(fallback).toMatch(/^The tensorflow engine is installed, but it does not work: .*tfjs_binding\.node/);
  });

  it.each([
    ['tessera.json', undefined, /tessera\.json is missing$/],
    ['tessera.json', '{', /tessera\.json is damaged$/],
    ['tessera.json', JSON.stringify({ ...manifest, platform: 'plan9-x64' }), /was installed on plan9-x64; this is /],
    [`${root}/dist/register_all_kernels.js`, undefined, /register_all_kernels\.js is missing$/],
    [`${root}/lib/napi-v8/tfjs_binding.node`, undefined, /tfjs_binding\.node is missing$/],
  ])('names what is wrong with %s', async (path, text, reason) => {
    install({ ...files, [path]: text });
    const report = await probeTensorflow(folder);
    expect(report.state).toBe('broken');
    expect(report.detail).toMatch(reason);
  });

  it.runIf(process.platform !== 'win32')('names the library that a link leads to no more', async () => {
    install(files);
    symlinkSync('/gone/libtensorflow_cc.so.2', join(folder, root, 'deps', 'lib', 'libtensorflow_cc.so.2'));
    const { detail } = await probeTensorflow(folder);
    expect(detail).toMatch(/^\/gone\/libtensorflow_cc\.so\.2 is gone, which .* leads to$/);
  });
});

it('keeps engines where the platform keeps the data of programs, or where it is told to', () => {
  expect(enginesFolder({ TESSERA_ENGINES: '/mine' })).toMatch(/mine$/);
  expect(enginesFolder({ XDG_DATA_HOME: '/data' }, 'linux')).toBe(join('/data', 'tessera', 'engines'));
  expect(enginesFolder({}, 'linux')).toMatch(/\.local.share.tessera.engines$/);
  expect(enginesFolder({ LOCALAPPDATA: 'C:/Local' }, 'win32')).toMatch(/Tessera.engines$/);
});
