/** What torchvision makes of a picture: test/fixtures/views/generate.py. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

interface Change {
  readonly name: 'brightness' | 'contrast' | 'saturation' | 'hue';
  readonly amount: number;
}

interface Fixture {
  readonly side: number;
  /** [side, side, 3], as all pixels here. */
  readonly picture: readonly number[];
  readonly changes: readonly (Change & { readonly pixels: readonly number[] })[];
  readonly jitter: { readonly chain: readonly Change[]; readonly pixels: readonly number[] };
  readonly greyscale: readonly number[];
  readonly solarize: readonly number[];
  readonly blur: readonly { readonly sigma: number; readonly pixels: readonly number[] }[];
}

export const torchvision = JSON.parse(
  readFileSync(new URL('../../fixtures/views/torchvision.json', import.meta.url), 'utf8'),
) as Fixture;

/** A copy of the picture, as changes are made in place. */
export const picture = () => Float32Array.from(torchvision.picture);

/** `tolerance` in levels of 0..255. */
export function expectClose(actual: Float32Array, expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  expect(Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value)))).toBeLessThan(tolerance);
}
