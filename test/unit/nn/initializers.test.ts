import { describe, expect, it } from 'vitest';
import { constant, normal, xavierUniform } from '../../../trainer/nn/initializers';

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: ArrayLike<number>) => {
  const centre = mean(values);
  return Math.sqrt(mean(Array.from(values, (value) => (value - centre) ** 2)));
};

describe('fresh parameters', () => {
  it('are a function of the seed and the name, whatever was drawn before', () => {
    const first = xavierUniform([8, 8], 1, 'a');
    normal([100], 1, 1, 'b');
    expect(xavierUniform([8, 8], 1, 'a')).toEqual(first);
    expect(xavierUniform([8, 8], 2, 'a')).not.toEqual(first);
    expect(xavierUniform([8, 8], 1, 'b')).not.toEqual(first);
  });

  it('of a kernel are uniform within Glorot’s limit', () => {
    const { data, shape } = xavierUniform([100, 200], 0, 'kernel');
    expect(shape).toEqual([100, 200]);
    const limit = Math.sqrt(6 / 300);
    expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(limit);
    expect(deviation(data)).toBeCloseTo(limit / Math.sqrt(3), 2);
    expect(mean(data)).toBeCloseTo(0, 2);
  });

  it('of a token are normal with the given deviation', () => {
    const { data } = normal([20_000], 0.02, 0, 'token');
    expect(deviation(data) / 0.02).toBeCloseTo(1, 1);
    expect(data.filter((value) => Math.abs(value) > 0.04).length / data.length).toBeCloseTo(0.0455, 2);
  });

  it('can be all the same', () => {
    expect(constant([2, 3], 1)).toEqual({ dtype: 'float32', shape: [2, 3], data: new Float32Array(6).fill(1) });
  });
});
