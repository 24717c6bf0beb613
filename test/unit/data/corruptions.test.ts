/** Against NumPy, SciPy, scikit-image, OpenCV, PIL and imagecorruptions: fixtures/corruptions/generate.py. */
import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { corrupted, corruptions, type CorruptionName, type Severity } from '../../../trainer/data/corruptions';
import { frost } from '../../../trainer/data/corruptions/frost';
import { smeared } from '../../../trainer/data/corruptions/picture';
import { random } from '../../../trainer/random/random';

interface Case {
  readonly side: number;
  readonly name: CorruptionName;
  readonly severity: Severity;
}

interface Fixture {
  readonly seeds: number;
  readonly images: readonly { readonly side: number; readonly every: number; readonly pixels: string }[];
  readonly exact: readonly (Case & { readonly pixels: string })[];
  readonly random: readonly (Case & { readonly mean: readonly number[]; readonly error: readonly number[] })[];
  readonly smears: readonly {
    readonly radius: number;
    readonly deviation: number;
    readonly angle: number;
    readonly levels: readonly number[];
  }[];
}

const fixture = JSON.parse(
  readFileSync(new URL('../../fixtures/corruptions/corruptions.json', import.meta.url), 'utf8'),
) as Fixture;

const unpacked = (pixels: string) => new Uint8Array(inflateSync(Buffer.from(pixels, 'base64')));
const images = new Map(
  fixture.images.map(({ side, every, pixels }) => [side, { every, pixels: unpacked(pixels) }] as const),
);
const imageOf = (side: number) => images.get(side)!;

const names = Object.keys(corruptions) as CorruptionName[];
const severities = [1, 2, 3, 4, 5] as const;

function corruptedOf({ side, name, severity }: Case, seed: number): Promise<Uint8Array> {
  return corrupted(imageOf(side).pixels, side, { name, severity }, random(seed, name, severity));
}

/** Every n-th pixel along each axis of [side, side, 3]. */
function thinned(pixels: Uint8Array, side: number, every: number): number[] {
  return [...pixels].filter((_, i) => {
    const pixel = Math.floor(i / 3);
    return (pixel % side) % every === 0 && Math.floor(pixel / side) % every === 0;
  });
}

/** As `figures` of the generator. */
function figures(levels: Uint8Array, clean: Uint8Array, side: number): number[] {
  const mean = (count: number, value: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += value(i);
    return sum / count;
  };
  const pixels = side * side;
  const means = [0, 1, 2].map((c) => mean(pixels, (i) => levels[3 * i + c]!));
  const deviations = means.map((m, c) => Math.sqrt(mean(pixels, (i) => (levels[3 * i + c]! - m) ** 2)));
  const change = mean(levels.length, (i) => (levels[i]! - clean[i]!) ** 2);
  const row = side * 3;
  const steps = [0, 1].flatMap((axis) =>
    [1, 2, 4, 8].map((distance) => {
      const width = axis === 0 ? row : 3 * (side - distance);
      const height = axis === 0 ? side - distance : side;
      const away = axis === 0 ? distance * row : distance * 3;
      return mean(width * height, (i) => {
        const at = Math.floor(i / width) * row + (i % width);
        return (levels[at + away]! - levels[at]!) ** 2;
      });
    }),
  );
  return [...means, ...deviations, change, ...steps];
}

describe('what no chance enters is, pixel by pixel, what the libraries give', () => {
  it.each(fixture.exact)('$name $severity at $side px', async (given) => {
    const { side, pixels } = given;
    const { every } = imageOf(side);
    const ours = thinned(await corruptedOf(given, 0), side, every);
    const theirs = [...unpacked(pixels)];
    expect(ours).toHaveLength(theirs.length);
    const differences = theirs.map((level, i) => Math.abs(level - ours[i]!));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
    // A level apart are values that fall on the edge between two, such as a slope's own levels blurred.
    expect(differences.reduce((a, b) => a + b, 0) / differences.length).toBeLessThan(0.4);
  });
});

describe('what is random has the moments, the distance and the spectrum that the libraries give', () => {
  it.each(fixture.random)('$name $severity at $side px', async (given) => {
    const { side, mean, error } = given;
    const clean = imageOf(side).pixels;
    const draws = side > 32 ? 12 : 40;
    const drawn: number[][] = [];
    for (let seed = 0; seed < draws; seed++) drawn.push(figures(await corruptedOf(given, seed), clean, side));
    for (const [i, expected] of mean.entries()) {
      const ours = drawn.reduce((sum, row) => sum + row[i]!, 0) / draws;
      // Both are means over draws: five standard errors of their difference, and a hundredth for how levels are rounded.
      const chance = error[i]! * Math.sqrt(1 + fixture.seeds / draws);
      expect(Math.abs(ours - expected), `figure ${i}: ${ours}, expected ${expected}`).toBeLessThan(
        5 * chance + 0.01 * Math.abs(expected) + 0.3,
      );
    }
  });
});

it.each(fixture.smears)('moves along $angle degrees as a kernel for the whole trail does', (given) => {
  const side = 32;
  const values = Float64Array.from(imageOf(side).pixels);
  const { values: moved } = smeared({ side, channels: 3, values }, given.radius, given.deviation, given.angle);
  const kept = [...moved].filter((_, i) => Math.floor(i / 96) % 8 === 0 && (Math.floor(i / 3) % side) % 5 === 0);
  expect(kept).toHaveLength(given.levels.length);
  kept.forEach((level, i) => expect(level).toBeCloseTo(given.levels[i]!, 3));
});

describe('every corruption', () => {
  it.each(names)('%s is a function of its key', async (name) => {
    const given = { side: 32, name, severity: 3 } as const;
    const before = imageOf(32).pixels.slice();
    expect(await corruptedOf(given, 1)).toEqual(await corruptedOf(given, 1));
    expect(imageOf(32).pixels).toEqual(before);
  });

  // The published elastic transforms are not so ordered: mild ones move the whole picture, severe ones each pixel.
  it.each(names.filter((name) => name !== 'elastic_transform'))(
    '%s changes more the more severe it is',
    async (name) => {
      for (const side of [32, 96]) {
        const { pixels } = imageOf(side);
        const change = async (severity: Severity) => {
          let sum = 0;
          for (let seed = 0; seed < 4; seed++) {
            const out = await corruptedOf({ side, name, severity }, seed);
            sum += out.reduce((total, level, i) => total + (level - pixels[i]!) ** 2, 0);
          }
          return sum;
        };
        expect(await change(5)).toBeGreaterThan(await change(1));
      }
    },
  );

  it.each(names)('%s takes images of any size', async (name) => {
    for (const side of [8, 33, 85]) {
      const pixels = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 7) % 256);
      for (const severity of severities) {
        const out = await corrupted(pixels, side, { name, severity }, random(0));
        expect(out).toHaveLength(pixels.length);
      }
    }
  });
});

test('constants are those of CIFAR-10-C up to 84 px, of ImageNet-C beyond', async () => {
  const grey = (side: number) => new Uint8Array(side * side * 3).fill(100);
  const brighter = async (side: number) =>
    (await corrupted(grey(side), side, { name: 'brightness', severity: 1 }, random(0)))[0];
  expect(await brighter(84)).toBe(Math.floor(100 + 0.05 * 255));
  expect(await brighter(85)).toBe(Math.floor(100 + 0.1 * 255));
});

test('black and white pictures are corrupted like any other', async () => {
  for (const level of [0, 255]) {
    const pixels = new Uint8Array(32 * 32 * 3).fill(level);
    for (const name of names) {
      for (const severity of severities) {
        await expect(corrupted(pixels, 32, { name, severity }, random(0))).resolves.toHaveLength(pixels.length);
      }
    }
  }
});

test('the ice has the colours of the published photographs', () => {
  const draws = 300;
  const sums = [0, 0, 0];
  const squares = [0, 0, 0];
  for (let seed = 0; seed < draws; seed++) {
    frost(32, random(seed)).forEach((value, i) => {
      sums[i % 3]! += value * 255;
      squares[i % 3]! += (value * 255) ** 2;
    });
  }
  const count = draws * 32 * 32;
  // Over the five photographs, each as likely: their mean, and the deviation around that mean.
  const expected = [
    { mean: 146, deviation: 57 },
    { mean: 167, deviation: 43 },
    { mean: 179, deviation: 42 },
  ];
  for (const [c, { mean, deviation }] of expected.entries()) {
    const ours = sums[c]! / count;
    expect(Math.abs(ours - mean)).toBeLessThan(6);
    expect(Math.abs(Math.sqrt(squares[c]! / count - ours ** 2) - deviation)).toBeLessThan(8);
  }
});
