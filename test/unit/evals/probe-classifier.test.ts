import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createEngine } from '../../../trainer/engine';
import { enginesUnderTest, testEngine } from '../../engines';
import { probeLogits, trainProbes, type ProbeRecipe } from '../../../trainer/evals/probe-classifier';
import { blobs } from './data';

interface Fixture {
  width: number;
  classes: number;
  epochs: number;
  learningRates: number[];
  labels: number[];
}
interface LinearFixture extends Fixture {
  embeddings: number[];
  classifiers: { kernel: number[]; bias: number[]; logits: number[] }[];
}
interface LayeredFixture extends Fixture, Pick<ProbeRecipe, 'hidden' | 'optimizer' | 'warmup'> {
  views: number[][];
  start: { kernel: number[]; bias: number[] }[];
  classifiers: { layers: { kernel: number[]; bias: number[] }[]; logits: number[] }[];
}

/** What PyTorch trains: test/fixtures/probe/generate.py. */
const read = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(`../../fixtures/probe/${name}.json`, import.meta.url), 'utf8'));
const linear = (await read('linear')) as LinearFixture;
const engines = [...enginesUnderTest, 'reference'] as const;
const plain = { hidden: [], optimizer: 'sgd', warmup: 0, seed: 0 } as const;

it.each(engines)('trains the linear classifiers of PyTorch, on the %s engine', async (name) => {
  const engine = await testEngine(name);
  const { width, classes, epochs, learningRates } = linear;
  const labels = Int32Array.from(linear.labels);
  const embeddings = { values: Float32Array.from(linear.embeddings), size: labels.length, width };
  const recipe = { ...plain, classes, epochs, learningRates, batchSize: 256 };
  const classifiers = await trainProbes(engine, { views: [embeddings], labels }, recipe);

  expect(classifiers).toHaveLength(learningRates.length);
  for (const [i, classifier] of classifiers.entries()) {
    const theirs = linear.classifiers[i]!;
    expectClose(classifier.layers[0]!.kernel, theirs.kernel);
    expectClose(classifier.layers[0]!.bias, theirs.bias);
    expectClose((await probeLogits(engine, classifier, embeddings)).subarray(0, theirs.logits.length), theirs.logits);
  }
  engine.dispose();
});

it.each(
  engines.flatMap((name) => [
    ['an MLP by SGD', 'mlp', name] as const,
    ['a linear layer by LARS on augmented views', 'lars', name] as const,
  ]),
)('trains %s as PyTorch does (%s, on the %s engine)', async (_, file, name) => {
  const engine = await testEngine(name);
  const fixture = (await read(file)) as LayeredFixture;
  const { width, classes, epochs, learningRates, hidden, optimizer, warmup } = fixture;
  const labels = Int32Array.from(fixture.labels);
  const views = fixture.views.map((values) => ({ values: Float32Array.from(values), size: labels.length, width }));
  const start = fixture.start.map(({ kernel, bias }) => ({
    kernel: Float32Array.from(kernel),
    bias: Float32Array.from(bias),
  }));
  const recipe = { classes, epochs, learningRates, hidden, optimizer, warmup, batchSize: 256, seed: 0, start };
  const classifiers = await trainProbes(engine, { views, labels }, recipe);

  for (const [i, classifier] of classifiers.entries()) {
    const theirs = fixture.classifiers[i]!;
    expect(classifier.layers).toHaveLength(hidden.length + 1);
    classifier.layers.forEach((layer, l) => {
      expectClose(layer.kernel, theirs.layers[l]!.kernel);
      expectClose(layer.bias, theirs.layers[l]!.bias);
    });
    expectClose((await probeLogits(engine, classifier, views[0]!)).subarray(0, theirs.logits.length), theirs.logits);
  }
  engine.dispose();
});

it('trains each learning rate as if it were alone', async () => {
  const engine = await createEngine();
  const { embeddings, labels } = blobs(50, 4, 3, { apart: 1 });
  for (const recipe of [plain, { ...plain, hidden: [6] }, { ...plain, optimizer: 'lars' as const, warmup: 0.2 }]) {
    const train = (learningRates: number[]) =>
      trainProbes(
        engine,
        { views: [embeddings], labels },
        { ...recipe, classes: 3, epochs: 3, batchSize: 16, learningRates },
      );
    const together = await train([0.01, 1, 0.1]);
    for (const [i, rate] of [0.01, 1, 0.1].entries()) {
      const [alone] = await train([rate]);
      expectClose(together[i]!.layers.at(-1)!.kernel, [...alone!.layers.at(-1)!.kernel]);
    }
  }
  engine.dispose();
});

it('gives every row its logits, however many there are', async () => {
  const engine = await createEngine();
  const { embeddings, labels } = blobs(600, 4, 3);
  const recipe = { ...plain, classes: 3, epochs: 2, batchSize: 64, learningRates: [0.1] };
  const [classifier] = await trainProbes(engine, { views: [embeddings], labels }, recipe);
  const all = await probeLogits(engine, classifier!, embeddings);
  const last = { values: embeddings.values.subarray(599 * 4), size: 1, width: 4 };
  expect(all).toHaveLength(1800);
  expectClose(all.subarray(1797), [...(await probeLogits(engine, classifier!, last))]);
  engine.dispose();
});

/** Within 1e-4 of the largest value. */
function expectClose(ours: Float32Array, theirs: number[]) {
  expect(ours).toHaveLength(theirs.length);
  const scale = Math.max(...theirs.map(Math.abs));
  ours.forEach((value, i) => expect(Math.abs(value - theirs[i]!)).toBeLessThan(1e-4 * scale));
}
