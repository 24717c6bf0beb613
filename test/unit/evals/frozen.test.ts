import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { knnSettings } from '../../../protocol/config';
import type { Engine } from '../../../trainer/engine';
import {
  fitProbe,
  knnEvaluation,
  knnPredict,
  nearestImages,
  probeEvaluation,
  type Embeddings,
  type FrozenFeatures,
  type ProbeOptions,
  type ProbeResult,
} from '../../../trainer/evals';
import { rowsOf, stratifiedSubset } from '../../../trainer/evals/subset';
import { random } from '../../../trainer/random/random';
import { enginesUnderTest, testEngine } from '../../engines';
import { blobs, collect, evaluationsOf, names, noise } from './data';

describe.each(enginesUnderTest)('on the %s engine', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await testEngine(name);
  });
  afterAll(() => engine.dispose());

  /** A pretrained encoder that tells the classes apart, and a random one that does not. */
  function features(train = 400, test = 200, classes = 4): FrozenFeatures {
    const [known, asked] = [blobs(train, 16, classes), blobs(test, 16, classes, { part: 'test' })];
    return {
      classes: names(classes),
      labels: { train: known.labels, test: asked.labels },
      pretrained: { train: known.embeddings, test: asked.embeddings },
      randomInit: { train: noise(train, 16), test: noise(test, 16, 1) },
    };
  }
  const probeOptions: ProbeOptions = {
    ...{ labels: [1], protocol: 'linear', layers: 1, hidden: [] },
    ...{ epochs: 20, batchSize: 64, learningRates: [0.01, 0.1, 1], seed: 0 },
  };
  const knnOptions = { labels: [1], k: 10, temperature: 0.07, seed: 0 };

  /** kNN as its definition reads: all similarities, sorted. */
  function bruteForce(
    train: Embeddings,
    labels: Int32Array,
    test: Embeddings,
    k: number,
    temperature: number,
    classes: number,
  ) {
    const row = ({ values, width }: Embeddings, i: number) => Array.from(values.subarray(i * width, (i + 1) * width));
    const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
    const cosine = (a: number[], b: number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    return Int32Array.from({ length: test.size }, (_, i) => {
      const votes = new Array<number>(classes).fill(0);
      Array.from({ length: train.size }, (_, j) => ({ j, s: cosine(row(test, i), row(train, j)) }))
        .sort((a, b) => b.s - a.s)
        .slice(0, k)
        .forEach(({ j, s }) => (votes[labels[j]!]! += Math.exp(s / temperature)));
      return votes.indexOf(Math.max(...votes));
    });
  }

  describe('kNN', () => {
    it.each<[number, number]>([
      [1, 0.07],
      [7, 0.07],
      [300, 0.07],
      ...Object.values(knnSettings).map(({ k, temperature }): [number, number] => [k, temperature]),
    ])('gives what a brute force gives, k %i, temperature %f', async (k, temperature) => {
      // Overlapping blobs, more test images than a block holds.
      const train = blobs(300, 5, 3, { apart: 0.7 });
      const test = blobs(301, 5, 3, { apart: 0.7, part: 'test' });
      const ours = await knnPredict(engine, train, test.embeddings, { k, temperature, classes: 3 });
      expect(ours).toEqual(bruteForce(train.embeddings, train.labels, test.embeddings, k, temperature, 3));
    });

    it('names of some test images the nearest of the training images that vote', () => {
      const { embeddings, labels } = blobs(120, 6, 3, { apart: 0.7 });
      const test = blobs(40, 6, 3, { apart: 0.7, part: 'test' });
      const input = {
        classes: names(3),
        labels: { train: labels, test: test.labels },
        pretrained: { train: embeddings, test: test.embeddings },
      };
      const asked = { share: 0.5, seed: 3, k: 11, temperature: 0.07, images: 8, shown: 5 };
      const found = nearestImages(input, asked);
      expect(new Set(found.map(({ image }) => image)).size).toBe(8);
      const voters = stratifiedSubset(labels, 0.5, 3);
      const known = rowsOf({ embeddings, labels }, voters);
      const guesses = bruteForce(known.embeddings, known.labels, test.embeddings, 11, 0.07, 3);
      const row = ({ values }: Embeddings, i: number) => Array.from(values.subarray(i * 6, i * 6 + 6));
      const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
      for (const { image, guess, neighbours } of found) {
        expect(guess).toBe(guesses[image]);
        const asked = row(test.embeddings, image);
        const sorted = Array.from(voters, (image) => {
          const one = row(embeddings, image);
          return { image, similarity: dot(asked, one) / Math.sqrt(dot(asked, asked) * dot(one, one)) };
        }).sort((a, b) => b.similarity - a.similarity);
        expect(neighbours.map(({ image }) => image)).toEqual(sorted.slice(0, 5).map(({ image }) => image));
        neighbours.forEach(({ similarity }, i) => expect(similarity).toBeCloseTo(sorted[i]!.similarity, 5));
      }
      expect(nearestImages(input, asked)).toEqual(found);
      expect(() => nearestImages(input, { ...asked, k: 61 })).toThrow('`probe.k`');
    });

    it('weighs a near neighbour above several far ones, however low the temperature', async () => {
      const train = {
        embeddings: { values: Float32Array.of(1, 0, 0, 1, 0, 2), size: 3, width: 2 },
        labels: Int32Array.of(1, 0, 0),
      };
      const test = { values: Float32Array.of(9, 1, 0, 0), size: 2, width: 2 };
      for (const temperature of [0.07, 1e-6]) {
        const predictions = await knnPredict(engine, train, test, { k: 3, temperature, classes: 2 });
        expect(predictions[0]).toBe(1);
      }
      // All weigh the same at a high temperature, and the majority wins; a zero embedding is near nothing.
      expect([...(await knnPredict(engine, train, test, { k: 3, temperature: 1e6, classes: 2 }))]).toEqual([0, 0]);
    });

    it('reports a good encoder far above its baseline, one row per share of labels', async () => {
      const rows = await collect(knnEvaluation(engine, features(), { ...knnOptions, labels: [0.1, 1] }));
      expect(rows.map(({ labels, trainImages }) => [labels, trainImages])).toEqual([
        [0.1, 40],
        [1, 400],
      ]);
      for (const row of rows) {
        expect(row).toMatchObject({
          kind: 'knn',
          testImages: 200,
          classes: 4,
          comparison: { baseline: { name: 'random init' } },
        });
        expect(row.protocol).toContain('k 10');
        expect(row.comparison!.score.value).toBeGreaterThan(0.98);
        expect(row.comparison!.baseline.value).toBeLessThan(0.4);
        expect(row.comparison!.gain.value).toBeCloseTo(
          row.comparison!.score.value - row.comparison!.baseline.value,
          12,
        );
        expect(row.comparison!.gain.interval[0]).toBeGreaterThan(0.5);
      }
    });

    it.each([
      [knnSettings.dino, undefined],
      [knnSettings.instdisc, 'InstDisc'],
      [{ k: 20, temperature: 0.1 }, 'k 20, temperature 0.1'],
    ])('says by which settings it votes: %o', async (settings, variant) => {
      const [row] = await collect(knnEvaluation(engine, features(), { ...knnOptions, ...settings }));
      expect(row!.variant).toBe(variant);
      expect(row!.protocol).toBe(
        `kNN, k ${settings.k}, cosine similarity of the last block's embedding, temperature ${settings.temperature}`,
      );
    });

    it('tells a row as soon as its share is done', async () => {
      const told: string[] = [];
      const onProgress = (_: number, message: string) => told.push(message);
      const rows = knnEvaluation(engine, features(), { ...knnOptions, labels: [0.1, 1] }, { onProgress });
      expect((await rows.next()).value).toMatchObject({ labels: 0.1 });
      expect(told).toEqual(['kNN with 10% of the labels (40 images)']);
    });

    it('says what to lower when there are fewer images than neighbours', async () => {
      await expect(collect(knnEvaluation(engine, features(), { ...knnOptions, labels: [1, 0.01] }))).rejects.toThrow(
        /10 neighbours.*4 labelled training images.*`probe.k` to at most 4/,
      );
    });
  });

  describe('the linear probe', () => {
    it('separates what is separable and stays at chance on noise', async () => {
      const progress: number[] = [];
      const watch = { onProgress: (done: number) => progress.push(done) };
      const [row] = await evaluationsOf(probeEvaluation(engine, features(), probeOptions, watch));
      expect(row!.comparison!.score.value).toBeGreaterThan(0.99);
      expect(row!.comparison!.baseline.value).toBeGreaterThan(0.1);
      expect(row!.comparison!.baseline.value).toBeLessThan(0.4);
      expect(row!.protocol).toMatch(/chosen on a held-out fifth of train/);
      expect(progress).toEqual([...progress].sort((a, b) => a - b));
      expect(progress.at(-1)).toBe(1);
    });

    it('reports an MLP beside it, which separates what no line does', async () => {
      // Two features, and the class is whether they have the same sign.
      const corners = (size: number, part: string) => {
        const draws = random('corners', part);
        const values = Float32Array.from(
          { length: 2 * size },
          () => (draws.uniform() < 0.5 ? -1 : 1) + 0.2 * draws.normal(),
        );
        const labels = Int32Array.from({ length: size }, (_, i) => (values[2 * i]! * values[2 * i + 1]! > 0 ? 1 : 0));
        return { embeddings: { values, size, width: 2 }, labels };
      };
      const [train, test] = [corners(400, 'train'), corners(200, 'test')];
      const encoder = { train: train.embeddings, test: test.embeddings };
      const given = {
        ...{ classes: names(2), labels: { train: train.labels, test: test.labels } },
        ...{ pretrained: encoder, randomInit: encoder },
      };
      const options = { ...probeOptions, hidden: [16], epochs: 60 };
      const told: number[] = [];
      const rows = await evaluationsOf(
        probeEvaluation(engine, given, options, { onProgress: (done) => told.push(done) }),
      );
      expect(rows.map(({ variant }) => variant)).toEqual([undefined, 'MLP head 16']);
      const [line, mlp] = rows.map(({ comparison }) => comparison!.score.value);
      expect(line).toBeLessThan(0.7);
      expect(mlp).toBeGreaterThan(0.95);
      expect(rows[1]!.protocol).toMatch(
        /^MLP with 16 hidden units on batch-normed frozen embeddings, lr .* held-out fifth/,
      );
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(told.at(-1)).toBe(1);
    });

    it('follows MAE’s protocol on augmented views, and says so', async () => {
      const given = features();
      const views = (encoder: FrozenFeatures['pretrained']) => ({ ...encoder, views: [encoder.train, encoder.train] });
      const seen = { ...given, pretrained: views(given.pretrained), randomInit: views(given.randomInit) };
      const options: ProbeOptions = { ...probeOptions, protocol: 'mae', learningRates: [1, 6.4] };
      const [row] = await evaluationsOf(probeEvaluation(engine, seen, options));
      expect(row!.variant).toBe('MAE protocol');
      expect(row!.protocol).toMatch(
        /LARS with warmup over a ninth of the steps, 20 epochs, 2 augmented views of each image/,
      );
      expect(row!.comparison!.score.value).toBeGreaterThan(0.98);
    });

    it('learns from the augmented views, not from the images as they are', async () => {
      const { embeddings, labels } = blobs(200, 8, 3);
      const blind = { embeddings: noise(200, 8), labels, views: [embeddings] };
      const options = { ...probeOptions, learningRates: [0.1] };
      const { classifier } = await fitProbe(engine, blind, 3, options);
      const sighted = await fitProbe(engine, { embeddings, labels }, 3, options);
      expect(classifier).toEqual(sighted.classifier);
    });

    it('says of which blocks the features are', async () => {
      const options: ProbeOptions = { ...probeOptions, protocol: 'dino', layers: 4, epochs: 2 };
      const [row] = await evaluationsOf(probeEvaluation(engine, features(), options));
      expect(row!.variant).toBe('DINO protocol, last 4 blocks');
      expect(row!.protocol).toContain('the features of the last 4 blocks side by side');
    });

    it('learns from 1% of the labels', async () => {
      const rows = await evaluationsOf(
        probeEvaluation(engine, features(1200), { ...probeOptions, labels: [0.01, 0.1] }),
      );
      expect(rows.map((row) => row.trainImages)).toEqual([12, 120]);
      expect(rows[0]!.comparison!.score.value).toBeGreaterThan(0.9);
    });

    it('chooses the same learning rate and weights whatever the test set is', async () => {
      const honest = features();
      const poisoned: FrozenFeatures = {
        ...honest,
        labels: { ...honest.labels, test: honest.labels.test.map((label) => 3 - label) },
        pretrained: { ...honest.pretrained, test: noise(200, 16, 5) },
      };
      const labelled = { embeddings: honest.pretrained.train, labels: honest.labels.train };
      const fit = await fitProbe(engine, labelled, 4, probeOptions);
      const [a] = await evaluationsOf(probeEvaluation(engine, honest, probeOptions));
      const [b] = await evaluationsOf(probeEvaluation(engine, poisoned, probeOptions));
      expect(a!.protocol).toBe(b!.protocol);
      expect(a!.protocol).toContain(`lr ${fit.learningRate}`);
      expect(b!.comparison!.score.value).toBeLessThan(0.5);
      expect(await fitProbe(engine, labelled, 4, probeOptions)).toEqual(fit);
    });

    it('drops a learning rate that does not learn', async () => {
      const { embeddings, labels } = blobs(400, 16, 4, { apart: 1 });
      const choose = async (learningRates: number[]) =>
        (await fitProbe(engine, { embeddings, labels }, 4, { ...probeOptions, learningRates })).learningRate;
      expect(await choose([1e-9, 0.1])).toBe(0.1);
      expect(await choose([0.1, 1e-9])).toBe(0.1);
      // So large that its weights overflow; those of its neighbour in the program do not notice.
      expect(await choose([1e38, 0.1])).toBe(0.1);
      expect(await choose([1e-9])).toBe(1e-9);
    });

    it('counts what it takes for what, and the baseline likewise', async () => {
      const [{ evaluation, confusion, baselineConfusion }] = (await collect(
        probeEvaluation(engine, features(), probeOptions),
      )) as [ProbeResult];
      for (const [counts, { value }] of [
        [confusion, evaluation.comparison!.score],
        [baselineConfusion, evaluation.comparison!.baseline],
      ] as const) {
        expect(counts).toHaveLength(16);
        // 50 test images of each of 4 classes; what is right stands on the diagonal.
        const rows = [0, 1, 2, 3].map((truth) => counts.slice(4 * truth, 4 * truth + 4));
        expect(rows.map((row) => row.reduce((a, b) => a + b))).toEqual([50, 50, 50, 50]);
        expect(rows.reduce((right, row, truth) => right + row[truth]!, 0) / 200).toBeCloseTo(value, 10);
      }
    });

    it('is not helped by the scale of an embedding', async () => {
      const { embeddings, labels } = blobs(200, 8, 3);
      const scaled = {
        ...embeddings,
        values: embeddings.values.map((x, i) => (i % 8 === 0 ? x * 1000 + 5e4 : x * 10)),
      };
      const test = blobs(100, 8, 3, { part: 'test' });
      const rescaled = {
        ...test.embeddings,
        values: test.embeddings.values.map((x, i) => (i % 8 === 0 ? x * 1000 + 5e4 : x * 10)),
      };
      const [row] = await evaluationsOf(
        probeEvaluation(
          engine,
          {
            classes: names(3),
            labels: { train: labels, test: test.labels },
            pretrained: { train: scaled, test: rescaled },
            randomInit: { train: embeddings, test: test.embeddings },
          },
          probeOptions,
        ),
      );
      expect(row!.comparison!.score.value).toBeCloseTo(row!.comparison!.baseline.value, 2);
    });

    it('refuses a sweep with nothing to choose on, before any work', async () => {
      const tooFew = evaluationsOf(probeEvaluation(engine, features(), { ...probeOptions, labels: [1, 0.01] }));
      await expect(tooFew).rejects.toThrow(/4 labelled images, one per class.*`probe.labels`.*`probe.learningRates`/);
      const [row] = await evaluationsOf(
        probeEvaluation(engine, features(), { ...probeOptions, labels: [0.01], learningRates: [0.1] }),
      );
      expect(row!.trainImages).toBe(4);
    });

    it('refuses labels that a classifier cannot be made of', async () => {
      const { labels, ...rest } = features();
      const single = { ...rest, classes: names(1), labels: { train: labels.train.fill(0), test: labels.test.fill(0) } };
      await expect(evaluationsOf(probeEvaluation(engine, single, probeOptions))).rejects.toThrow(
        'nothing to tell apart',
      );
      await expect(collect(knnEvaluation(engine, single, knnOptions))).rejects.toThrow('nothing to tell apart');
    });

    it('stops when it is told to', async () => {
      const stop = AbortSignal.abort(new Error('enough'));
      await expect(
        evaluationsOf(probeEvaluation(engine, features(), { ...probeOptions, epochs: 5000 }, { signal: stop })),
      ).rejects.toThrow('enough');
    });
  });

  it('scores a random embedding at chance, by either protocol', async () => {
    const draws = random(0, 'labels');
    const labels = {
      train: Int32Array.from({ length: 500 }, () => draws.int(5)),
      test: Int32Array.from({ length: 500 }, () => draws.int(5)),
    };
    const blind = { train: noise(500, 8), test: noise(500, 8, 1) };
    const nothing = { classes: names(5), labels, pretrained: blind, randomInit: blind };
    const [probe] = await evaluationsOf(probeEvaluation(engine, nothing, probeOptions));
    const [knn] = await collect(knnEvaluation(engine, nothing, knnOptions));
    for (const row of [probe!, knn!]) {
      expect(Math.abs(row.comparison!.score.value - 0.2)).toBeLessThan(0.07);
      expect(row.comparison!.gain).toEqual({ value: 0, interval: [0, 0] });
    }
  });
});
