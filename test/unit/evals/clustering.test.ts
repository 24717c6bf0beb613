import fc from 'fast-check';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { clusterEvaluation, type TestFeatures } from '../../../trainer/evals';
import {
  adjustedRandIndex,
  contingency,
  matchClasses,
  normalizedMutualInformation,
} from '../../../trainer/evals/agreement';
import { assign } from '../../../trainer/evals/hungarian';
import { lloyd } from '../../../trainer/evals/kmeans';
import { silhouette } from '../../../trainer/evals/silhouette';
import { blobs, names, noise } from './data';

interface Fixture {
  width: number;
  points: number[];
  kmeans: { start: number[]; clusters: number[]; centres: number[]; inertia: number };
  scores: { name: string; clusters: number[]; labels: number[]; accuracy: number; nmi: number; ari: number }[];
  silhouettes: { name: string; clusters: number[]; value: number }[];
}

/** What scikit-learn and SciPy say: test/fixtures/clustering/generate.py. */
const fixture = JSON.parse(
  await readFile(new URL('../../fixtures/clustering/scores.json', import.meta.url), 'utf8'),
) as Fixture;
const { width } = fixture;
const points = { values: Float32Array.from(fixture.points), size: fixture.points.length / width, width };

describe('the assignment', () => {
  const matrix = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })).chain(([rows, columns]) =>
    fc
      .array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ min: -1e3, max: 1e3, noNaN: true })), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((cost) => ({ cost, rows, columns })),
  );

  /** The least total over all ways to give rows columns of their own, as many as there can be. */
  function leastCost(cost: readonly number[], rows: number, columns: number): number {
    const rest = (row: number, taken: ReadonlySet<number>, skips: number): number => {
      if (row === rows) return 0;
      const given = Array.from({ length: columns }, (_, column) => column)
        .filter((column) => !taken.has(column))
        .map((column) => cost[row * columns + column]! + rest(row + 1, new Set([...taken, column]), skips));
      return Math.min(...given, skips > 0 ? rest(row + 1, taken, skips - 1) : Infinity);
    };
    return rest(0, new Set(), Math.max(0, rows - columns));
  }

  it('costs the least that any does, rows and columns of any number', () => {
    fc.assert(
      fc.property(matrix, ({ cost, rows, columns }) => {
        const columnOf = assign(cost, rows, columns);
        const given = [...columnOf].filter((column) => column >= 0);
        expect(new Set(given).size).toBe(Math.min(rows, columns));
        const total = columnOf.reduce((sum, column, row) => sum + (column < 0 ? 0 : cost[row * columns + column]!), 0);
        expect(total).toBeCloseTo(leastCost(cost, rows, columns), 8);
      }),
    );
  });

  it('undoes a choice that was the best for its row alone', () => {
    expect([...assign([1, 2, 1, 9], 2, 2)]).toEqual([1, 0]);
    expect([...assign([5, 1, 3], 3, 1)]).toEqual([-1, 0, -1]);
  });
});

describe('scores of a clustering are those of scikit-learn:', () => {
  it.each(fixture.scores)('$name', ({ clusters, labels, accuracy, nmi, ari }) => {
    const count = (values: number[]) => Math.max(...values) + 1;
    const [found, truth] = [Int32Array.from(clusters), Int32Array.from(labels)];
    const table = contingency(found, truth, count(clusters), count(labels));
    const matches = matchClasses(table);
    const right = found.filter((cluster, i) => matches[cluster] === truth[i]).length;
    expect(right / found.length).toBeCloseTo(accuracy, 12);
    expect(normalizedMutualInformation(table)).toBeCloseTo(nmi, 12);
    expect(adjustedRandIndex(table)).toBeCloseTo(ari, 12);
  });

  it.each(fixture.silhouettes)('silhouette, $name', async ({ clusters, value }) => {
    const k = Math.max(...clusters) + 1;
    expect(await silhouette(points, Int32Array.from(clusters), k)).toBeCloseTo(value, 12);
  });

  it('k-means from the same centres', async () => {
    const { start, clusters, centres, inertia } = fixture.kmeans;
    const found = await lloyd(points, Float64Array.from(start));
    expect([...found.clusters]).toEqual(clusters);
    expect(found.inertia / inertia).toBeCloseTo(1, 12);
    found.centres.forEach((x, at) => expect(x).toBeCloseTo(centres[at]!, 10));
  });
});

it('a single cluster sets nothing apart', async () => {
  expect(await silhouette(points, new Int32Array(points.size), 3)).toBe(0);
});

/** A pretrained encoder that tells four classes apart, and a random one that does not. */
function features(size = 200, classes = 4): TestFeatures {
  const { embeddings, labels } = blobs(size, 16, classes);
  return { classes: names(classes), labels, pretrained: embeddings, randomInit: noise(size, 16) };
}
const options = { restarts: 4, seed: 0, shown: 5 };

describe('the evaluation', () => {
  it('finds the classes that an encoder tells apart, beside one that does not', async () => {
    const { evaluation, clusters } = await clusterEvaluation(features(), options);
    expect(evaluation).toMatchObject({ kind: 'cluster', labels: 0, trainImages: 0, testImages: 200, classes: 4 });
    expect(evaluation.protocol).toBe(
      'k-means on embeddings of length 1, k 4, the best of 4 k-means++ starts, clusters matched one to one with classes',
    );
    expect(evaluation.comparison!.score.value).toBeGreaterThan(0.95);
    expect(evaluation.comparison!.baseline).toMatchObject({ name: 'random init' });
    expect(evaluation.comparison!.gain.interval[0]).toBeGreaterThan(0.3);
    const { nmi, ari, silhouette } = evaluation.measures!;
    for (const measure of [nmi, ari, silhouette]) expect(measure!.score).toBeGreaterThan(measure!.baseline! + 0.3);
    expect(Object.keys(evaluation.measures!)).toEqual(['nmi', 'ari', 'silhouette']);
    expect(new Set(clusters.map(({ match }) => match))).toEqual(new Set([0, 1, 2, 3]));
  });

  it('names the images nearest to each centre, and how many of each class are there', async () => {
    const input = features();
    const { clusters } = await clusterEvaluation(input, options);
    expect(clusters.flatMap(({ counts }) => counts).reduce((a, b) => a + b)).toBe(200);
    const sizes = clusters.map(({ counts }) => counts.reduce((a, b) => a + b));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    for (const { match, images } of clusters) {
      expect(images).toHaveLength(5);
      expect(images.filter(({ image }) => input.labels[image] === match).length).toBeGreaterThan(3);
      const distances = images.map(({ distance }) => distance);
      expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    }
  });

  it('looks at directions, not lengths', async () => {
    const input = features();
    const { values, width } = input.pretrained;
    const stretched = values.map((x, at) => x * (1 + (Math.floor(at / width) % 9)));
    const { evaluation } = await clusterEvaluation(
      { ...input, pretrained: { ...input.pretrained, values: stretched } },
      options,
    );
    const once = await clusterEvaluation(input, options);
    expect(evaluation.comparison!.score).toEqual(once.evaluation.comparison!.score);
  });

  it('is a pure function of images and seed, and clusters a seeded choice of them', async () => {
    const sized = { ...options, images: 60 };
    const strip = ({ evaluation, clusters }: Awaited<ReturnType<typeof clusterEvaluation>>) => {
      return { ...evaluation, seconds: 0, clusters };
    };
    const once = strip(await clusterEvaluation(features(), sized));
    expect(once.testImages).toBe(60);
    expect(strip(await clusterEvaluation(features(), sized))).toEqual(once);
    expect(strip(await clusterEvaluation(features(), { ...sized, seed: 1 })).clusters).not.toEqual(once.clusters);
  });

  it('counts images as wrong whose cluster no class was left for', async () => {
    const { evaluation, clusters } = await clusterEvaluation(features(), { ...options, k: 8 });
    expect(clusters.filter(({ match }) => match !== undefined)).toHaveLength(4);
    expect(evaluation.comparison!.score.value).toBeLessThan(0.8);
    const fewer = await clusterEvaluation(features(), { ...options, k: 2 });
    expect(fewer.evaluation.comparison!.score.value).toBeLessThanOrEqual(0.5);
  });

  it('scores a collapsed representation as what it is', async () => {
    const input = features();
    const pretrained = { ...input.pretrained, values: new Float32Array(input.pretrained.values.length).fill(1) };
    const { evaluation, clusters } = await clusterEvaluation({ ...input, pretrained }, options);
    expect(evaluation.comparison!.score.value).toBe(0.25);
    expect(Object.values(evaluation.measures!).map(({ score }) => score)).toEqual([0, 0, 0]);
    expect(clusters.map(({ images }) => images.length)).toEqual([5, 0, 0, 0]);
  });

  it('tells how far it is and can be stopped', async () => {
    const told: number[] = [];
    await clusterEvaluation(features(), options, { onProgress: (done) => told.push(done) });
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBeLessThanOrEqual(1);
    const stop = new AbortController();
    const stopped = clusterEvaluation(features(4000), options, {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('says what is wrong with the images or the settings', async () => {
    const few = features(6, 3);
    await expect(clusterEvaluation(few, { ...options, k: 7 })).rejects.toThrow(
      /^6 test images cannot form 7 clusters: set `cluster.k` to at most 6, or raise .*`data.test`/,
    );
    await expect(clusterEvaluation(few, { ...options, images: 2 })).rejects.toThrow(
      /^2 test images cannot form 3 clusters, one for each class: .*`cluster.k` to at most 2, or raise `cluster.images`/,
    );
    await expect(clusterEvaluation({ ...few, classes: ['only'] }, options)).rejects.toThrow('nothing to tell apart');
  });
});
