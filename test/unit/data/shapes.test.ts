import { expect, test } from 'vitest';
import { outlines } from '../../../trainer/data/outlines';
import { drawShape, shapeClasses, shapeLabel } from '../../../trainer/data/shapes';
import { open } from './helpers';

test('ten classes take turns', () => {
  expect(shapeClasses).toHaveLength(10);
  expect(Array.from({ length: 12 }, (_, i) => shapeLabel(i))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
});

test('a picture is a pure function of its index', () => {
  expect(drawShape(7, 40)).toEqual(drawShape(7, 40));
  expect(drawShape(7, 40)).not.toEqual(drawShape(17, 40));
});

test('every size from 32 to 96 px shows the same scene', () => {
  for (const size of [32, 33, 64, 96]) {
    const pixels = drawShape(3, size);
    expect(pixels).toHaveLength(size * size * 3);
    const corner = Array.from(pixels.slice(0, 3));
    for (const [c, value] of Array.from(drawShape(3, 48).slice(0, 3)).entries()) {
      expect(Math.abs(value - corner[c]!)).toBeLessThan(32);
    }
  }
});

test('edges are blended', () => {
  // The circle of picture 0: between ground and figure there are values of neither.
  const size = 96;
  const pixels = drawShape(0, size);
  const row = Array.from({ length: size * size }, (_, i) => pixels[i * 3]!);
  const low = Math.min(...row);
  const high = Math.max(...row);
  const between = row.filter((v) => v > low + (high - low) * 0.3 && v < high - (high - low) * 0.3).length;
  expect(between).toBeGreaterThan(20);
  expect(between).toBeLessThan(size * size * 0.1);
});

test('all outlines cover the same area about their centre', () => {
  for (const [name, outline] of Object.entries(outlines)) {
    let area = 0;
    let x0 = 0;
    let y0 = 0;
    const step = 0.01;
    for (let x = -2.5; x < 2.5; x += step) {
      for (let y = -2.5; y < 2.5; y += step) {
        if (outline(x, y) >= 0) continue;
        area += step * step;
        x0 += x * step * step;
        y0 += y * step * step;
      }
    }
    expect(area, name).toBeCloseTo(Math.PI, 1);
    expect(Math.hypot(x0, y0) / area, name).toBeLessThan(0.03);
  }
});

test('no mean colour and no mean picture gives the class away', () => {
  // Nearest class mean, learnt on 2,000 pictures and tried on 1,000 others: chance is 10%.
  const size = 32;
  const length = size * size * 3;
  const means = Array.from({ length: 10 }, () => new Float64Array(length));
  for (let i = 0; i < 2000; i++) {
    const pixels = drawShape(i, size);
    const mean = means[shapeLabel(i)]!;
    for (let p = 0; p < length; p++) mean[p]! += pixels[p]! / 200;
  }
  let right = 0;
  for (let i = 5000; i < 6000; i++) {
    const pixels = drawShape(i, size);
    const distances = means.map((mean) => mean.reduce((sum, value, p) => sum + (value - pixels[p]!) ** 2, 0));
    if (distances.indexOf(Math.min(...distances)) === shapeLabel(i)) right++;
  }
  expect(right / 1000).toBeLessThan(0.2);
});

test('training and test pictures are balanced and never the same', async () => {
  const data = await open({ source: 'builtin:shapes', imageSize: 32, train: 100, test: 50 });
  expect(data.classes).toEqual(shapeClasses);
  const count = (labels: Int32Array) => Array.from({ length: 10 }, (_, c) => labels.filter((l) => l === c).length);
  expect(count(data.train.labels!)).toEqual(Array(10).fill(10));
  expect(count(data.test!.labels!)).toEqual(Array(10).fill(5));
  const ids = (set: typeof data.train) => Array.from({ length: set.size }, (_, i) => set.id(i));
  const train = new Set(ids(data.train));
  expect(ids(data.test!).some((id) => train.has(id))).toBe(false);
  expect(data.train.pixels(13)).toEqual(drawShape(13, 32));
});

test('a size that is not drawn, or a builtin that does not exist, names the field and the fix', async () => {
  await expect(open({ source: 'builtin:shapes', imageSize: 16 })).rejects.toThrow(
    'data.imageSize: builtin:shapes draws images of 32 to 96 px, not 16',
  );
  await expect(open({ source: 'builtin:shape', imageSize: 32 })).rejects.toThrow(
    'data.source: there is no builtin:shape, only builtin:shapes',
  );
});
