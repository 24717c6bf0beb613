import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createEngine } from '../../../trainer/engine';
import { linearLogits, trainLinear } from '../../../trainer/evals/linear-classifier';
import { blobs } from './data';

interface Fixture {
  width: number;
  classes: number;
  epochs: number;
  learningRates: number[];
  embeddings: number[];
  labels: number[];
  classifiers: { kernel: number[]; bias: number[]; logits: number[] }[];
}

/** What PyTorch trains: test/fixtures/probe/generate.py. */
const fixture = JSON.parse(
  await readFile(new URL('../../fixtures/probe/linear.json', import.meta.url), 'utf8'),
) as Fixture;

it.each(['onnx', 'reference'] as const)('trains the classifiers of PyTorch, on the %s engine', async (name) => {
  const engine = await createEngine({ engine: name });
  const { width, classes, epochs, learningRates } = fixture;
  const labels = Int32Array.from(fixture.labels);
  const embeddings = { values: Float32Array.from(fixture.embeddings), size: labels.length, width };
  const options = { classes, epochs, learningRates, batchSize: 256, seed: 0 };
  const classifiers = await trainLinear(engine, { embeddings, labels }, options);
  engine.dispose();

  expect(classifiers).toHaveLength(learningRates.length);
  for (const [i, classifier] of classifiers.entries()) {
    const theirs = fixture.classifiers[i]!;
    expectClose(classifier.kernel, theirs.kernel);
    expectClose(classifier.bias, theirs.bias);
    expectClose((await linearLogits(classifier, embeddings)).subarray(0, theirs.logits.length), theirs.logits);
  }
});

it('trains each learning rate as if it were alone', async () => {
  const engine = await createEngine();
  const options = { classes: 3, epochs: 3, batchSize: 16, seed: 0 };
  const train = blobs(50, 4, 3, { apart: 1 });
  const together = await trainLinear(engine, train, { ...options, learningRates: [0.01, 1, 0.1] });
  for (const [i, rate] of [0.01, 1, 0.1].entries()) {
    const [alone] = await trainLinear(engine, train, { ...options, learningRates: [rate] });
    expectClose(together[i]!.kernel, [...alone!.kernel]);
  }
  engine.dispose();
});

/** Within 1e-4 of the largest value. */
function expectClose(ours: Float32Array, theirs: number[]) {
  expect(ours).toHaveLength(theirs.length);
  const scale = Math.max(...theirs.map(Math.abs));
  ours.forEach((value, i) => expect(Math.abs(value - theirs[i]!)).toBeLessThan(1e-4 * scale));
}
