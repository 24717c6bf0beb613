/** What trainers compiled, for later ones. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ended, graphs, project, sha256, startIn, tinyWith, train, trainerPath } from './support';

const short = tinyWith({ steps: 2, checkpointEvery: 2, picturesEvery: 2 }, { device: 'cpu' });

const weightsIn = (directory: string) =>
  Promise.all(
    ['model', 'optimizer'].map((part) => sha256(join(directory, `checkpoints/step-000002/${part}.safetensors`))),
  );
/** By name, with what tells whether it was written anew. */
const kept = async () =>
  Promise.all((await readdir(graphs)).sort().map(async (name) => [name, (await stat(join(graphs, name))).ino]));

it('are the same for two at once, for a later one, and after damage', async () => {
  const both = await Promise.all([train(short), train(short)]);
  const [weights, others] = await Promise.all(both.map(({ directory }) => weightsIn(directory)));
  expect(others).toEqual(weights);
  const first = await kept();
  // The training step, and the one that shows whether an engine works.
  expect(first.map(([name]) => name)).toEqual(Array(2).fill(expect.stringMatching(/^[0-9a-f]{64}\.graph$/)));

  expect(await weightsIn((await train(short)).directory)).toEqual(weights);
  expect(await kept()).toEqual(first);

  for (const [name] of first) {
    const file = join(graphs, name as string);
    const content = await readFile(file);
    await writeFile(file, content.fill(0, content.length >> 1));
  }
  expect(await weightsIn((await train(short)).directory)).toEqual(weights);
  const mended = await kept();
  expect(mended.map(([name]) => name)).toEqual(first.map(([name]) => name));
  expect(mended).not.toEqual(first);

  await train({ ...short, seed: 8 });
  expect(await kept()).toHaveLength(3);
});

it('are not kept where they cannot be, of which the log tells', async () => {
  const file = await project(short);
  const { directory } = await startIn({ ...process.env, TESSERA_GRAPHS: join(file, 'graphs') }, 'pretrain', file);
  expect((await ended(directory)).status).toBe('finished');
  const log = await readFile(join(directory, 'trainer.log'), 'utf8');
  expect(log.match(/Compiled steps cannot be kept/g)).toHaveLength(1);
});

it('are those of a build that knows itself by its content', async () => {
  const bundle = await readFile(trainerPath, 'utf8');
  const hash = /: "([0-9a-f]{64})";/.exec(bundle)![1]!;
  const blank = bundle.replaceAll(hash, 'x'.repeat(64));
  expect(createHash('sha256').update(blank).digest('hex')).toBe(hash);
});
