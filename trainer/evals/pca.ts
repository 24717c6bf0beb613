import { random } from '../random/random';
import type { Points } from './distances';

const MAX_ITERATIONS = 200;
const TOLERANCE = 1e-9;

/**
 * Projections on the two first principal components, [size, 2], by orthogonal iteration on X'X. Each
 * component points to where its largest weight is positive, so the seed only decides where the search starts.
 */
export function principalPlane(points: Points, seed: number): Float64Array {
  const { size, width } = points;
  const x = centred(points);
  const draws = random(seed, 'pca');
  const axes = [0, 1].map(() => Float64Array.from({ length: width }, () => draws.normal()));
  orthonormalise(axes);

  const plane = new Float64Array(size * 2);
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const next = axes.map(() => new Float64Array(width));
    for (let i = 0; i < size; i++) {
      const row = x.subarray(i * width, (i + 1) * width);
      axes.forEach((axis, c) => {
        const projection = dot(row, axis);
        plane[i * 2 + c] = projection;
        addScaled(next[c]!, row, projection); // X'(Xv)
      });
    }
    orthonormalise(next);
    const turned = Math.max(...axes.map((axis, c) => 1 - Math.abs(dot(axis, next[c]!))));
    axes.splice(0, 2, ...next);
    if (turned < TOLERANCE) break;
  }

  const signs = axes.map((axis) => Math.sign(axis.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)));
  return plane.map((value, i) => value * signs[i % 2]!);
}

function centred({ values, size, width }: Points): Float64Array {
  const mean = new Float64Array(width);
  values.forEach((value, i) => (mean[i % width]! += value / size));
  return Float64Array.from(values, (value, i) => value - mean[i % width]!);
}

/** Gram-Schmidt in place; what has no length left stays zero. */
function orthonormalise(axes: Float64Array[]): void {
  axes.forEach((axis, c) => {
    for (const earlier of axes.slice(0, c)) addScaled(axis, earlier, -dot(axis, earlier));
    const length = Math.sqrt(dot(axis, axis));
    for (let i = 0; i < axis.length; i++) axis[i] = length > 1e-150 ? axis[i]! / length : 0;
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(target: Float64Array, vector: Float64Array, scale: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += scale * vector[i]!;
}
