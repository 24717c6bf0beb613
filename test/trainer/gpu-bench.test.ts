/** The bench of a GPU machine, on SwiftShader, with small sizes: what it writes, and what becomes of parts that fail. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { opGroups } from '../ops/cases';
import { hasDriver, withDriver } from '../vulkan';

/** What is read here of a result, written by bench/gpu.ts. */
interface Result {
  readonly id: string;
  readonly state: 'done' | 'failed' | 'skipped';
  readonly reason?: string;
  readonly part: { readonly kind: string; readonly device?: string; readonly group?: string };
  readonly rows: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const missing = hasDriver('swiftShader') ? undefined : 'SwiftShader is not installed (Debian: apt install chromium)';
if (missing) console.warn(`SKIPPED: the bench of a GPU machine, because ${missing}`);
const compiler = ['/usr/bin/cc', '/usr/bin/gcc', '/usr/bin/clang'].find((file) => existsSync(file));

const folder = mkdtempSync(join(tmpdir(), 'tessera-gpu-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function bench(file: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const out = join(folder, file);
  const command = ['dist/gpu-bench.mjs', '--quick', '--out', out, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  const { results, ...report } = JSON.parse(readFileSync(out, 'utf8')) as { results: Result[] };
  return { stdout, report, results };
}

/** A python3 on PATH with a PyTorch for the CPU, whose peers run this script. */
function withTorch(name: string, script: string): NodeJS.ProcessEnv {
  const bin = join(folder, name);
  const facts = JSON.stringify({ version: '0.0', cuda: null, device: 'cpu', gpu: null });
  mkdirSync(bin);
  writeFileSync(join(bin, 'python3'), `#!/bin/sh\nif [ "$1" = -c ]; then echo '${facts}'; exit; fi\n${script}\n`);
  chmodSync(join(bin, 'python3'), 0o755);
  return withDriver('swiftShader', { PATH: `${bin}:${process.env.PATH}` });
}

describe.skipIf(missing)('the bench of a GPU machine', { timeout: 600_000 }, () => {
  it('checks every op, measures steps, and says what could not be done', async () => {
    const { results, report, stdout } = await bench('all.json', [], withDriver('swiftShader'));
    expect(report).toMatchObject({ isQuick: true, facts: { node: process.version } });

    for (const device of ['webgpu', 'cpu']) {
      for (const group of opGroups) {
        const checked = results.find(({ part }) => part.device === device && part.group === group.name);
        expect(checked).toMatchObject({ state: 'done' });
        const ops = group.sample(1, 1).flat();
        expect(Object.keys(checked!.rows)).toEqual(ops.map(({ name }) => name));
        for (const [op, row] of Object.entries(checked!.rows)) {
          expect(row, op).toMatchObject(device === 'cpu' ? { draws: 1, isRight: true } : { draws: 1 });
        }
      }
    }
    expect(stdout).toMatch(/^Ops on cpu: of (\d+), \1 compute what the reference does, 0 do not/m);

    const step = (how: string, batch: number) =>
      results.find(({ id }) => id === `step ${how}: MAE tiny, 16 px, batch ${batch}`)!;
    const [gpu, cpu] = [step('webgpu float32', 4), step('cpu float32', 4)].map(({ rows }) => rows.step!);
    const [losses, expected] = [gpu!.losses as number[], cpu!.losses as number[]];
    expect(losses).toHaveLength(3);
    for (const [i, loss] of losses.entries()) expect(loss).toBeCloseTo(expected[i]!, 3);
    expect(gpu!.traffic).toMatchObject({ downloaded: 8 });

    // SwiftShader does not compute in float16.
    const [half, larger] = [step('webgpu mixed', 4), step('webgpu mixed', 8)];
    expect([half.state, larger.state]).toEqual(['failed', 'skipped']);
    expect(half.reason).toMatch(/requires f16/);
    expect(larger.reason).toMatch(/batch 4" failed/);
    expect(stdout).toMatch(/\| 4 \| Tessera webgpu mixed \| failed: .*requires f16/);

    const again = await bench('all.json', [], withDriver('swiftShader'));
    expect(again.results).toEqual(results);
  });

  it.skipIf(!compiler)('goes on where a driver takes the process down', async () => {
    const fixtures = resolve('test/fixtures/vulkan');
    execFileSync(compiler!, ['-shared', '-fPIC', '-o', join(folder, 'libfault.so'), join(fixtures, 'fault.c')]);
    cpSync(join(fixtures, 'fault.json'), join(folder, 'fault.json'));
    const crash = { VK_LAYER_PATH: folder, VK_INSTANCE_LAYERS: 'VK_LAYER_TESSERA_fault', TESSERA_CRASH_WHEN: '/' };
    const { results, stdout } = await bench('crash.json', ['--only', 'attention'], withDriver('swiftShader', crash));
    expect(results).toMatchObject([
      { id: 'ops webgpu: attention', state: 'failed', rows: { attention: { draws: 0 } } },
      { id: 'ops cpu: attention', state: 'done', rows: { attention: { draws: 1, isRight: true } } },
    ]);
    expect(results[0]!.reason).toMatch(/^its process was ended by SIGABRT/);
    expect(stdout).toMatch(/^Ops on webgpu: of 1, 0 compute .*, 1 were not checked/m);
  });

  it('ends what hangs, with all that it started, and takes down what PyTorch says', async () => {
    const hanging = await bench('hang.json', ['--only', 'torch', '--limit', '3'], withTorch('hang', 'exec sleep 1000'));
    expect(hanging.results).toMatchObject([
      { id: 'torch cpu fp32: MAE tiny, 16 px, batch 4', state: 'failed', reason: 'took more than 3 seconds' },
      { id: 'torch cpu fp32: MAE tiny, 16 px, batch 8', state: 'skipped' },
    ]);
    const broken = await bench(
      'broken.json',
      ['--only', 'torch'],
      withTorch('broken', 'echo out of memory >&2; exit 1'),
    );
    expect(broken.results[0]).toMatchObject({ state: 'failed', reason: 'out of memory' });
    const script = `echo '{"name": "PyTorch 0.0"}'; while read -r line; do echo '[8, 8, 8]'; done`;
    const { results, stdout } = await bench('torch.json', ['--only', 'torch'], withTorch('works', script));
    expect(results.map(({ state, rows }) => [state, rows.step?.imagesPerSecond])).toEqual([['done', 500], ['done', 1000]]); // prettier-ignore
    expect(stdout).toMatch(/\| 8 \| PyTorch cpu fp32 \| 1000 \| 8 \|/);
  });
});
