import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createConvolution, createTransform } from '../../../trainer/evals/fourier';
import { random } from '../../../trainer/random/random';

describe('the transform', () => {
  it.each([4, 8, 16, 32, 64])('of length %i is the sum that defines it, for each signal beside the others', (n) => {
    const { input, output, run } = createTransform(n);
    const draws = random(n, 'signals');
    const many = input.re.length / n;
    const re = Float64Array.from(input.re, () => draws.normal());
    const im = Float64Array.from(input.im, () => draws.normal());
    input.re.set(re);
    input.im.set(im);
    run();
    for (let b = 0; b < many; b++) {
      for (let f = 0; f < n; f++) {
        let [x, y] = [0, 0];
        for (let t = 0; t < n; t++) {
          const angle = (-2 * Math.PI * t * f) / n;
          const at = t * many + b;
          x += re[at]! * Math.cos(angle) - im[at]! * Math.sin(angle);
          y += re[at]! * Math.sin(angle) + im[at]! * Math.cos(angle);
        }
        expect(output.re[f * many + b]).toBeCloseTo(x, 9);
        expect(output.im[f * many + b]).toBeCloseTo(y, 9);
      }
    }
  });

  it.each([0, 2, 12, 100])('refuses a length of %i', (n) => {
    expect(() => createTransform(n)).toThrow('power of 2');
  });
});

describe('the convolution', () => {
  it('is the sum over all pixels, whatever the kernel', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(8, 16, 32),
        fc.integer(),
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        (n, seed, wide) => {
          const rows = n / 2;
          const kernel = (x: number, y: number) => Math.exp(-(x * x + y * y) / wide) + 0.1 / (1 + x + y);
          const draws = random(Math.abs(seed), 'picture');
          const picture = Float64Array.from({ length: rows * rows }, () => draws.normal());
          const truth = picture.map((_, at) =>
            picture.reduce((sum, value, from) => {
              const dx = Math.abs((at % rows) - (from % rows));
              const dy = Math.abs(Math.floor(at / rows) - Math.floor(from / rows));
              return sum + value * kernel(dx, dy);
            }, 0),
          );
          createConvolution(n, rows, kernel).apply(picture);
          picture.forEach((value, at) => expect(value).toBeCloseTo(truth[at]!, 9));
        },
      ),
      { numRuns: 20 },
    );
  });
});
