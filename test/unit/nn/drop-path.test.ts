import { expect, it } from 'vitest';
import { drawDropPath } from '../../../trainer/nn/drop-path';
import { random } from '../../../trainer/random/random';

/** A ViT of three blocks: branches of attention and MLP in turn. */
const vit = { branches: 6, layers: 4 };
const BATCH = 4000;
const draw = (from?: number) => drawDropPath(random('drop path'), vit, { rate: 0.6, batchSize: BATCH, from });
const branchOf = (factors: Float32Array, branch: number) => factors.subarray(branch * BATCH, (branch + 1) * BATCH);
const dropped = (factors: Float32Array) => factors.filter((x) => x === 0).length / factors.length;

it('leaves branches out more often the deeper they are, each for itself', () => {
  const factors = draw();
  const rates = Array.from({ length: 6 }, (_, branch) => dropped(branchOf(factors, branch)));
  [0.2, 0.2, 0.4, 0.4, 0.6, 0.6].forEach((rate, branch) => expect(rates[branch]).toBeCloseTo(rate, 1));
  expect(branchOf(factors, 4)).not.toEqual(branchOf(factors, 5));
});

it('scales what is kept so that the mean stays', () => {
  const factors = draw();
  for (let branch = 0; branch < 6; branch++) {
    const own = branchOf(factors, branch);
    expect(own.reduce((a, b) => a + b) / BATCH).toBeCloseTo(1, 1);
    expect(new Set(own).size).toBe(2);
  }
});

it('leaves nothing out of blocks that do not learn', () => {
  const factors = draw(2);
  expect(dropped(branchOf(factors, 0))).toBe(0);
  expect(new Set(branchOf(factors, 1))).toEqual(new Set([1]));
  expect(dropped(branchOf(factors, 2))).toBeGreaterThan(0.3);
});
