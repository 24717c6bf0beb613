import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Engine } from '../../../trainer/engine';
import { kmeans, startFrom, trustworthiness, tsne } from '../../../trainer/evals';
import { affinities, neighbourhood } from '../../../trainer/evals/affinities';
import { principalPlane } from '../../../trainer/evals/pca';
import { createRepulsion } from '../../../trainer/evals/repulsion';
import { random } from '../../../trainer/random/random';
import { enginesUnderTest, testEngine } from '../../engines';
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

describe.each(enginesUnderTest)('on the %s engine', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await testEngine(name);
  });
  afterAll(() => engine.dispose());

  describe('t-SNE', () => {
    it('reaches the KL divergence and trustworthiness of scikit-learn', async () => {
      const map = await tsne(engine, points, { seed: 0, perplexity: mixture.tsne.perplexity });
      expect(map.kl).toBeGreaterThan(0.95 * mixture.tsne.kl);
      expect(map.kl).toBeLessThan(1.05 * mixture.tsne.kl);
      expect(await trustworthiness(engine, points, map.points)).toBeGreaterThan(mixture.tsne.trustworthiness - 0.01);
    });

    it('lowers the KL divergence as it goes on', async () => {
      const after = async (iterations: number) => (await tsne(engine, points, { seed: 0, iterations })).kl;
      const [start, early, late] = [await after(0), await after(300), await after(600)];
      expect(early).toBeLessThan(start);
      expect(late).toBeLessThan(early);
    });

    it('keeps well separated blobs apart', async () => {
      const { embeddings, labels } = blobs(200, 16, 4, { apart: 5 });
      const { points: map } = await tsne(engine, embeddings, { seed: 1, iterations: 500 });
      const { clusters } = await kmeans({ values: map, size: 200, width: 2 }, { k: 4, seed: 0 });
      expect(samePartition(clusters, labels)).toBe(true);
    });

    it('is a pure function of points and seed', async () => {
      const once = await tsne(engine, points, { seed: 3, iterations: 60 });
      const again = await tsne(engine, points, { seed: 3, iterations: 60 });
      const other = await tsne(engine, points, { seed: 4, iterations: 60 });
      expect(again).toEqual(once);
      expect(other.points).not.toEqual(once.points);
    });

    it('maps a collapsed representation without a number that is not finite', async () => {
      const same = { values: new Float32Array(50 * 8).fill(0.5), size: 50, width: 8 };
      const map = await tsne(engine, same, { seed: 0, iterations: 100 });
      expect(map.points.every(Number.isFinite)).toBe(true);
      expect(Number.isFinite(map.kl)).toBe(true);
    });

    it.each([4, 5, 10, 17])('maps as few as %i points', async (size) => {
      const map = await tsne(engine, blobs(size, 4, 2).embeddings, { seed: 0 });
      expect(map.points.every(Number.isFinite)).toBe(true);
    });

    it('says which perplexity fits the number of points', async () => {
      const few = blobs(30, 4, 2).embeddings;
      await expect(tsne(engine, few, { seed: 0, perplexity: 30 })).rejects.toThrow('from 1 to 9');
      expect((await tsne(engine, few, { seed: 0, iterations: 5 })).perplexity).toBeCloseTo(29 / 3);
      await expect(tsne(engine, blobs(3, 4, 2).embeddings, { seed: 0 })).rejects.toThrow('at least 4 images');
    });

    it('stops when it is told to', async () => {
      const stop = new AbortController();
      const running = tsne(
        engine,
        points,
        { seed: 0 },
        { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) },
      );
      await expect(running).rejects.toThrow('enough');
    });

    it('gives the event loop a turn whenever 20 ms have passed', async () => {
      // A clock on which every look is 20 ms after the one before, so that how fast this machine is does not matter.
      let now = 0;
      const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 20));
      let turns = 0;
      let running = true;
      const turn = (): void => {
        turns++;
        if (running) setImmediate(turn);
      };
      setImmediate(turn);
      await tsne(engine, points, { seed: 0, iterations: 50 });
      running = false;
      clock.mockRestore();
      expect(turns).toBeGreaterThanOrEqual(50);
    });
  });

  describe('affinities', () => {
    it('sum to 1 and are symmetric', async () => {
      const { starts, columns, values } = await affinities(engine, points, 10);
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

  describe('an earlier map as a start', () => {
    it('is found again: the same arrangement, not turned or mirrored', async () => {
      const { points: cold } = await tsne(engine, points, { seed: 0 });
      // Turned by a right angle, and in another unit.
      const earlier = Float64Array.from(cold, (_, at) => (at % 2 === 0 ? -3 * cold[at + 1]! : 3 * cold[at - 1]!));
      const warm = await tsne(engine, points, { seed: 0, start: earlier });
      const again = await tsne(engine, points, { seed: 0 });
      expect(agreement(warm.points, earlier)).toBeGreaterThan(0.95);
      expect(agreement(again.points, earlier)).toBeLessThan(0.5);
      expect(warm.kl).toBeLessThan(1.05 * mixture.tsne.kl);
    });

    it('puts an image that was not there beside the most similar that was', async () => {
      const { embeddings } = blobs(40, 8, 2, { apart: 9 });
      const places = Array.from({ length: 40 }, (_, i) => (i < 30 ? ([i, -i] as const) : undefined));
      const start = await startFrom(engine, embeddings, places);
      for (let i = 0; i < 40; i++) {
        const nearest = Array.from({ length: 30 }, (_, j) => j).sort((a, b) => gap(i, a) - gap(i, b))[0]!;
        expect([start![2 * i], start![2 * i + 1]]).toEqual(i < 30 ? [i, -i] : [nearest, -nearest]);
      }
      function gap(i: number, j: number) {
        let sum = 0;
        for (let c = 0; c < 8; c++) sum += (embeddings.values[8 * i + c]! - embeddings.values[8 * j + c]!) ** 2;
        return sum;
      }
    });

    it('is none where hardly anything of it is in the new one', async () => {
      const { embeddings } = blobs(10, 4, 2);
      const places = Array.from({ length: 10 }, (_, i) => (i < 2 ? ([i, i] as const) : undefined));
      expect(await startFrom(engine, embeddings, places)).toBeUndefined();
    });
  });

  /** Correlation of two maps as they are, over both axes. */
  function agreement(a: Float64Array, b: Float64Array): number {
    const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, value, at) => sum + value * y[at]!, 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  }

  describe('the repulsion', () => {
    function exact(plane: Float64Array) {
      const force = new Float64Array(plane.length);
      let total = 0;
      for (let i = 0; i < plane.length; i += 2) {
        for (let j = 0; j < plane.length; j += 2) {
          if (j === i) continue;
          const [dx, dy] = [plane[i]! - plane[j]!, plane[i + 1]! - plane[j + 1]!];
          const q = 1 / (1 + dx * dx + dy * dy);
          total += q;
          force[i]! += q * q * dx;
          force[i + 1]! += q * q * dy;
        }
      }
      return { total, force };
    }
    const length = (v: Float64Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));

    // From the start of a map, where all points are together, to one of a thousand points and more.
    it.each([1e-4, 1e-2, 1, 5, 20])('is that of all pairs, nearly, of points about %s apart', (spread) => {
      const draws = random(0, 'plane', spread);
      const plane = Float64Array.from({ length: 4000 }, () => spread * draws.normal());
      // Two pairs of equal points.
      plane.copyWithin(0, 2, 4);
      plane.copyWithin(100, 2, 4);
      const force = new Float64Array(4000);
      const total = createRepulsion().of(plane, force);
      const truth = exact(plane);
      expect(Math.abs(total / truth.total - 1)).toBeLessThan(2e-3);
      expect(length(force.map((x, at) => x - truth.force[at]!)) / length(truth.force)).toBeLessThan(0.02);
    });

    it('follows a map that grows and shrinks', () => {
      const draws = random(1, 'plane');
      const plane = Float64Array.from({ length: 400 }, () => draws.normal());
      const grown = createRepulsion();
      const force = new Float64Array(400);
      for (const scale of [1e-3, 1, 4, 10, 0.5, 10]) {
        const scaled = plane.map((x) => scale * x);
        const total = grown.of(scaled, force);
        expect(Math.abs(total / exact(scaled).total - 1)).toBeLessThan(0.01);
      }
    });

    it('takes no room for points that are very far apart', () => {
      const plane = Float64Array.from([0, 0, 1e9, 0, 1e9, 1, -3e8, 5e8]);
      const force = new Float64Array(8);
      expect(createRepulsion().of(plane, force)).toBeCloseTo(2 * 0.5, 6);
      expect(force[5]).toBeCloseTo(0.25, 6);
    });

    it('is none where all points are the same', () => {
      const force = new Float64Array(100).fill(7);
      expect(createRepulsion().of(new Float64Array(100).fill(3), force)).toBeCloseTo(50 * 49, 6);
      expect(force.every((x) => Math.abs(x) < 1e-6)).toBe(true);
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
      expect(await trustworthiness(engine, points, Float64Array.from(mixture.tsne.map))).toBeCloseTo(
        mixture.tsne.trustworthiness,
        4,
      );
    });

    it('is 1 where the map keeps every neighbour, and near 1/2 where it is random', async () => {
      const flat = blobs(200, 2, 1).embeddings;
      expect(await trustworthiness(engine, flat, Float64Array.from(flat.values))).toBe(1);
      const draws = random(0, 'anywhere');
      const anywhere = Float64Array.from({ length: 400 }, () => draws.uniform());
      expect(await trustworthiness(engine, flat, anywhere)).toBeLessThan(0.6);
    });

    it('refuses more neighbours than a rank can be told for', async () => {
      await expect(trustworthiness(engine, blobs(10, 2, 1).embeddings, new Float64Array(20), 5)).rejects.toThrow(
        'less than 5',
      );
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
});
