/** Steps that were compiled before: what they compute, and when they are compiled again. */
import * as tf from '@tensorflow/tfjs-core';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachedModel } from '../../../trainer/engine/graph-cache';
import { stepModel } from '../../../trainer/engine/model';
import { adamwUpdate, gelu } from '../../../trainer/engine/ops';
import type { ProgramSpec, Step } from '../../../trainer/engine/types';
import { testEngine, type TestedEngine } from '../../engines';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tessera-graphs-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const matrix = { shape: [3, 3], dtype: 'float32' } as const;
const flat = { shape: [9], dtype: 'float32' } as const;

/** One with state that is overwritten where it lies, state that is not, constants, and outputs of both types. */
const step: Step = ({ w, m, v, count }, { x }) => {
  const y = gelu(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D)); // [3, 3]
  const rules = { beta1: 0.9, beta2: 0.99, scalars: tf.tensor1d([0.1, 1e-8, 0.99, 1]) };
  const next = adamwUpdate([{ parameter: w!, gradient: y }], m!, v!, rules);
  return {
    state: { w: next.parameters[0]!, m: next.m, v: next.v, count: tf.add(tf.sin(count!), 1) },
    outputs: { y, sign: tf.cast(tf.sign(y), 'int32') },
  };
};
const specOf = (key = 'a'): ProgramSpec => ({
  state: { w: matrix, m: flat, v: flat, count: matrix },
  inputs: { x: matrix },
  cache: { folder, key },
});
/** Stands for the step where that must not be compiled. */
const untraceable: Step = () => {
  throw new Error('this step is traced');
};

const files = () => readdirSync(folder).filter((name) => name.endsWith('.graph'));
const onlyFile = () => {
  expect(files()).toHaveLength(1);
  return join(folder, files()[0]!);
};
const isCached = (spec = specOf()) => {
  try {
    cachedModel(untraceable, spec, 'kernels');
    return true;
  } catch {
    return false;
  }
};

describe.each(['onnx', 'onnx-plain', 'wasm'] satisfies TestedEngine[])('a kept step on %s', (name) => {
  it('gives what the compiled one gave, bit for bit, without being traced', async () => {
    const values = Float32Array.of(0.3, -1.2, 2.5, 0.1, 0.7, -0.4, 1.9, -2.2, 0.05);
    const entry = (spec: typeof matrix | typeof flat, scale: number) => ({
      ...spec,
      data: values.map((v) => v * scale),
    });
    const run = async (traced: Step) => {
      const engine = await testEngine(name, { threads: 2 });
      const given = { w: entry(matrix, 1), m: entry(flat, 0.1), v: entry(flat, 0), count: entry(matrix, 2) };
      const state = engine.upload(given);
      const program = await engine.compile(traced, specOf());
      const outputs = [];
      for (let i = 0; i < 3; i++) outputs.push(await program.run(state, { x: values.map((v) => v + i) }));
      const after = await state.read();
      program.dispose();
      state.dispose();
      engine.dispose();
      return { outputs, after, specs: program.outputs };
    };
    const compiled = await run(step);
    expect(await run(untraceable)).toEqual(compiled);
  });
});

describe('a step is kept', () => {
  it('under another name for all that may change it', () => {
    const others: [ProgramSpec, 'kernels' | 'cpu' | 'webgpu'][] = [
      [specOf(), 'kernels'],
      [specOf(), 'cpu'],
      [specOf(), 'webgpu'],
      [specOf('b'), 'kernels'],
      [{ ...specOf(), precision: 'mixed' }, 'cpu'],
      [{ ...specOf(), inputs: { x: { shape: [2, 3], dtype: 'float32' } } }, 'kernels'],
    ];
    const simple: Step = ({ w }, { x }) => ({ outputs: { y: tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D) } });
    for (const [i, [spec, target]] of others.entries()) {
      cachedModel(simple, spec, target);
      expect(files()).toHaveLength(i + 1);
    }
    const { w, ...rest } = specOf().state;
    cachedModel(simple, { ...specOf(), state: { ...rest, w: w! } }, 'kernels'); // the order of the state
    expect(files()).toHaveLength(others.length + 1);
  });

  it('for its own user alone', () => {
    rmSync(folder, { recursive: true });
    cachedModel(step, specOf(), 'kernels');
    if (process.platform !== 'win32') {
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(statSync(onlyFile()).mode & 0o777).toBe(0o600);
    }
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('as long as there is room, those that were used last', () => {
    const [old, used] = ['old', 'used'].map((key) => {
      const before = files();
      cachedModel(step, specOf(key), 'kernels');
      return files().find((name) => !before.includes(name))!;
    }) as [string, string];
    const large = `${'0'.repeat(64)}.graph`;
    writeFileSync(join(folder, large), '');
    truncateSync(join(folder, large), 63.999e6);
    const abandoned = `.${old}-1234`;
    writeFileSync(join(folder, abandoned), '');
    const days = { [used]: 4, [large]: 3, [old]: 2, [abandoned]: 1 };
    for (const [name, day] of Object.entries(days)) utimesSync(join(folder, name), day * 86_400, day * 86_400);
    cachedModel(step, specOf('newest'), 'kernels');
    expect(files()).toHaveLength(2);
    expect(isCached(specOf('newest')) && isCached(specOf('used'))).toBe(true);
    expect(existsSync(join(folder, abandoned))).toBe(false);
  });

  it('and found to have been used', async () => {
    cachedModel(step, specOf(), 'kernels');
    utimesSync(onlyFile(), 1000, 1000);
    expect(isCached()).toBe(true);
    await vi.waitFor(() => expect(statSync(onlyFile()).mtimeMs).toBeGreaterThan(1e12));
  });
});

describe('a step is compiled again', () => {
  const damages: [string, (file: string) => void][] = [
    ['cut short', (file) => truncateSync(file, statSync(file).size - 1)],
    ['cut to its first line', (file) => writeFileSync(file, readFileSync(file).subarray(0, 65))],
    ['empty', (file) => truncateSync(file, 0)],
    ['longer', (file) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.of(0)]))],
    ['another since a bit of its model changed', (file) => flip(file, statSync(file).size - 20)],
    ['another since a bit of its names changed', (file) => flip(file, 200)],
    ['one of zeros', (file) => writeFileSync(file, Buffer.alloc(statSync(file).size))],
  ];
  it.each(damages)('when its file is %s', (_, damage) => {
    cachedModel(step, specOf(), 'kernels');
    const whole = readFileSync(onlyFile());
    damage(onlyFile());
    expect(isCached()).toBe(false);
    expect(cachedModel(step, specOf(), 'kernels')).toEqual(stepModel(step, specOf(), 'kernels'));
    expect(readFileSync(onlyFile())).toEqual(whole);
    expect(isCached()).toBe(true);
  });

  it('when its file is that of another step', () => {
    cachedModel(step, specOf('b'), 'kernels');
    const other = onlyFile();
    cachedModel(step, specOf(), 'kernels');
    const own = files().find((name) => !other.endsWith(name))!;
    renameSync(other, join(folder, own));
    expect(isCached()).toBe(false);
  });

  it.runIf(process.platform !== 'win32')('when others may write its file, or it is none', () => {
    cachedModel(step, specOf(), 'kernels');
    const file = onlyFile();
    chmodSync(file, 0o666);
    expect(isCached()).toBe(false);
    cachedModel(step, specOf(), 'kernels');
    expect(isCached()).toBe(true);
    renameSync(file, `${file}-elsewhere`);
    symlinkSync(`${file}-elsewhere`, file);
    expect(isCached()).toBe(false);
    rmSync(file);
    mkdirSync(file);
    expect(isCached()).toBe(false);
  });

  it('where it cannot be kept, and says so once', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const blocked = join(folder, 'a file');
    writeFileSync(blocked, '');
    for (const key of ['a', 'b']) {
      const spec = { ...specOf(), cache: { folder: join(blocked, 'graphs'), key } };
      expect(cachedModel(step, spec, 'kernels')).toEqual(stepModel(step, spec, 'kernels'));
    }
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/^Compiled steps cannot be kept in .*a file/)]]);
    warn.mockRestore();
  });

  // The permissions of files do not bind root.
  it.runIf(process.getuid && process.getuid() !== 0)(
    'only where the folder holds none, if it cannot be written',
    () => {
      cachedModel(step, specOf(), 'kernels');
      chmodSync(folder, 0o500);
      expect(isCached()).toBe(true);
      chmodSync(folder, 0o700);
    },
  );
});

function flip(file: string, at: number): void {
  const content = readFileSync(file);
  content[at]! ^= 1;
  writeFileSync(file, content);
}
