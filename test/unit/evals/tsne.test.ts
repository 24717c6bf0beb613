import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { kmeans, trustworthiness, tsne } from '../../../trainer/evals';
import { affinities, neighbourhood } from '../../../trainer/evals/affinities';
import { principalPlane } from '../../../trainer/evals/pca';
import { createQuadtree } from '../../../trainer/evals/quadtree';
import { random } from '../../../trainer/random/random';
import { blobs } from './data';

interface Mixture {
  width: number;
  points: number[];
  labels: number[];
  pca: number[];
  tsne: { perplexity: number; kl: number; map: number[]; trustworthiness: number };
  kmeans: { k: number; inertia: number };
}

/** What scikit-learn says of these points: test/fixtures/tsne/generate.py. */
const mixture = JSON.parse(
  await readFile(new URL('../../fixtures/tsne/mixture.json', import.meta.url), 'utf8'),
) as Mixture;
const points = {
  values: Float32Array.from(mixture.points),
  size: mixture.labels.length,
  width: mixture.width,
};
const never = () => Promise.resolve();

describe('t-SNE', () => {
  it('reaches the KL divergence and trustworthiness of scikit-learn', async () => {
    const map = await tsne(points, { seed: 0, perplexity: mixture.tsne.perplexity });
    expect(map.kl).toBeGreaterThan(0.95 * mixture.tsne.kl);
    expect(map.kl).toBeLessThan(1.05 * mixture.tsne.kl);
    expect(await trustworthiness(points, map.points)).toBeGreaterThan(mixture.tsne.trustworthiness - 0.01);
  });

  it('lowers the KL divergence as it goes on', async () => {
    const after = async (iterations: number) => (await tsne(points, { seed: 0, iterations })).kl;
    const [start, early, late] = [await after(0), await after(300), await after(600)];
    expect(early).toBeLessThan(start);
    expect(late).toBeLessThan(early);
  });

  it('keeps well separated blobs apart', async () => {
    const { embeddings, labels } = blobs(200, 16, 4, { apart: 5 });
    const { points: map } = await tsne(embeddings, { seed: 1, iterations: 500 });
    const { clusters } = await kmeans({ values: map, size: 200, width: 2 }, { k: 4, seed: 0 });
    expect(samePartition(clusters, labels)).toBe(true);
  });

  it('is a pure function of points and seed', async () => {
    const once = await tsne(points, { seed: 3, iterations: 60 });
    const again = await tsne(points, { seed: 3, iterations: 60 });
    const other = await tsne(points, { seed: 4, iterations: 60 });
    expect(again).toEqual(once);
    expect(other.points).not.toEqual(once.points);
  });

  it('maps a collapsed representation without a number that is not finite', async () => {
    const same = { values: new Float32Array(50 * 8).fill(0.5), size: 50, width: 8 };
    const map = await tsne(same, { seed: 0, iterations: 100 });
    expect(map.points.every(Number.isFinite)).toBe(true);
    expect(Number.isFinite(map.kl)).toBe(true);
  });

  it('says which perplexity fits the number of points', async () => {
    const few = blobs(30, 4, 2).embeddings;
    await expect(tsne(few, { seed: 0, perplexity: 30 })).rejects.toThrow('from 1 to 9');
    expect((await tsne(few, { seed: 0, iterations: 5 })).perplexity).toBeCloseTo(29 / 3);
    await expect(tsne(blobs(3, 4, 2).embeddings, { seed: 0 })).rejects.toThrow('at least 4 images');
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const running = tsne(
      points,
      { seed: 0 },
      { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) },
    );
    await expect(running).rejects.toThrow('enough');
  });

  it('lets the event loop go on', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await tsne(points, { seed: 0, iterations: 300 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});

describe('affinities', () => {
  it('sum to 1 and are symmetric', async () => {
    const { starts, columns, values } = await affinities(points, 10, never);
    const p = new Map<string, number>();
    for (let i = 0; i < points.size; i++) {
      for (let at = starts[i]!; at < starts[i + 1]!; at++) p.set(`${i} ${columns[at]}`, values[at]!);
    }
    expect(p.size).toBe(values.length);
    expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
    for (const [key, value] of p) expect(p.get(key.split(' ').toReversed().join(' '))).toBeCloseTo(value, 15);
  });

  it('give each point a neighbourhood of the perplexity', () => {
    for (const spread of [1e-3, 1, 1e3]) {
      const draws = random(0, 'distances', spread);
      const p = neighbourhood(
        Float64Array.from({ length: 60 }, () => spread * draws.uniform()),
        20,
      );
      const entropy = -p.reduce((sum, pj) => sum + (pj > 0 ? pj * Math.log(pj) : 0), 0);
      expect(Math.exp(entropy)).toBeCloseTo(20, 2);
    }
  });
});

describe('the quadtree', () => {
  const draws = random(0, 'plane');
  const plane = Float64Array.from({ length: 400 }, () => draws.normal());
  // Two pairs of equal points.
  plane.copyWithin(0, 2, 4);
  plane.copyWithin(100, 2, 4);

  function exact(i: number) {
    let [total, x, y] = [0, 0, 0];
    for (let j = 0; j < 200; j++) {
      if (j === i) continue;
      const [dx, dy] = [plane[2 * i]! - plane[2 * j]!, plane[2 * i + 1]! - plane[2 * j + 1]!];
      const q = 1 / (1 + dx * dx + dy * dy);
      total += q;
      x += q * q * dx;
      y += q * q * dy;
    }
    return { total, x, y };
  }

  it.each([
    { theta: 0, error: 1e-12 },
    { theta: 0.5, error: 0.03 },
  ])('sums the repulsion within $error with theta $theta, equal points included', ({ theta, error }) => {
    const tree = createQuadtree(200);
    tree.build(plane);
    const force = new Float64Array(400);
    for (let i = 0; i < 200; i++) {
      const { total, x, y } = exact(i);
      expect(Math.abs(tree.repel(plane, i, theta, force) / total - 1)).toBeLessThan(error);
      // Forces of opposite sides cancel, so their error is measured against their sum of sizes.
      expect(Math.hypot(force[2 * i]! - x, force[2 * i + 1]! - y) / total).toBeLessThan(error);
    }
  });
});

describe('the principal plane', () => {
  it('is that of scikit-learn, up to the sign of an axis', () => {
    const plane = principalPlane(points, 0);
    for (const axis of [0, 1]) {
      const ours = mixture.pca.map((_, i) => plane[i]!).filter((_, i) => i % 2 === axis);
      const theirs = mixture.pca.filter((_, i) => i % 2 === axis);
      const sign = Math.sign(ours[0]! * theirs[0]!);
      ours.forEach((value, i) => expect(sign * value).toBeCloseTo(theirs[i]!, 2));
    }
  });
});

describe('trustworthiness', () => {
  it("is scikit-learn's on its own map", async () => {
    expect(await trustworthiness(points, Float64Array.from(mixture.tsne.map))).toBeCloseTo(
      mixture.tsne.trustworthiness,
      4,
    );
  });

  it('is 1 where the map keeps every neighbour, and near 1/2 where it is random', async () => {
    const flat = blobs(200, 2, 1).embeddings;
    expect(await trustworthiness(flat, Float64Array.from(flat.values))).toBe(1);
    const draws = random(0, 'anywhere');
    const anywhere = Float64Array.from({ length: 400 }, () => draws.uniform());
    expect(await trustworthiness(flat, anywhere)).toBeLessThan(0.6);
  });

  it('refuses more neighbours than a rank can be told for', async () => {
    await expect(trustworthiness(blobs(10, 2, 1).embeddings, new Float64Array(20), 5)).rejects.toThrow('less than 5');
  });
});

describe('k-means', () => {
  it('recovers separate blobs, whatever the seed', async () => {
    const { embeddings, labels } = blobs(120, 8, 5, { apart: 6 });
    for (const seed of [0, 1, 2]) {
      expect(samePartition((await kmeans(embeddings, { k: 5, seed })).clusters, labels)).toBe(true);
    }
  });

  it('comes within 1% of the inertia of scikit-learn', async () => {
    const { inertia } = await kmeans(points, { k: mixture.kmeans.k, seed: 0 });
    expect(inertia).toBeLessThan(1.01 * mixture.kmeans.inertia);
    expect(inertia).toBeGreaterThan(0.999 * mixture.kmeans.inertia);
  });

  it('numbers clusters from the largest, and does without those that equal points leave empty', async () => {
    const values = Float32Array.from([0, 0, 0, 0, 0, 7, 7]);
    expect([...(await kmeans({ values, size: 7, width: 1 }, { k: 3, seed: 0 })).clusters]).toEqual([
      0, 0, 0, 0, 0, 1, 1,
    ]);
  });

  it('says how many clusters there can be', async () => {
    await expect(kmeans(blobs(4, 2, 2).embeddings, { k: 5, seed: 0 })).rejects.toThrow('from 1 to 4');
  });
});

function samePartition(a: Int32Array, b: Int32Array): boolean {
  const pairs = new Set(Array.from(a, (label, i) => `${label} ${b[i]}`));
  return pairs.size === new Set(a).size && pairs.size === new Set(b).size;
}
