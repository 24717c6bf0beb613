import type { Engine } from '../engine/types';
import { random } from '../random/random';
import { affinities, type Affinities } from './affinities';
import type { Points } from './distances';
import { createPace } from './pace';
import { principalPlane } from './pca';
import { createRepulsion, type Repulsion } from './repulsion';
import type { Watch } from './types';

export interface TsneOptions {
  readonly seed: number;
  /** Effective number of neighbours; default 30, less where there are too few points. At most (n - 1) / 3. */
  readonly perplexity?: number;
  readonly iterations?: number;
  /**
   * An earlier map of these points, to be found again in this one: [x0, y0, x1, y1, ...] in any units. The two first
   * principal components by default.
   */
  readonly start?: Float64Array;
}

export interface TsneMap {
  /** [x0, y0, x1, y1, ...] */
  readonly points: Float64Array;
  /** KL divergence of the map's similarities from the affinities, in nats. */
  readonly kl: number;
  readonly perplexity: number;
  readonly iterations: number;
}

const EXAGGERATION = 12;
/** Iterations with exaggerated affinities and little momentum, in which clusters form. */
const EARLY = 250;

/**
 * t-SNE (van der Maaten & Hinton 2008), its repulsion by interpolation on a grid (Linderman et al. 2019), started from
 * the two first principal components (Kobak & Berens 2019) or from an earlier map, scaled to 1e-4, with a learning
 * rate of n / exaggeration (Belkina et al. 2019). A pure function of the points, the start and the seed, which draws
 * the small noise that sets equal points apart.
 */
export async function tsne(engine: Engine, points: Points, options: TsneOptions, watch: Watch = {}): Promise<TsneMap> {
  const { size } = points;
  if (size < 4) throw new Error(`t-SNE needs at least 4 images, got ${size}: raise \`data.test\`.`);
  const { seed, iterations = 1000 } = options;
  const most = (size - 1) / 3;
  const perplexity = options.perplexity ?? Math.min(30, most);
  if (!(perplexity >= 1 && perplexity <= most)) {
    throw new Error(
      `A perplexity of ${perplexity} does not suit ${size} points: give one from 1 to ${Math.floor(most)}.`,
    );
  }

  const p = await affinities(engine, points, perplexity, watch);
  const y = small(options.start ?? principalPlane(points, seed), seed);
  const repulsion = createRepulsion();
  const gradient = new Float64Array(2 * size);
  const velocity = new Float64Array(2 * size);
  const gains = new Float64Array(2 * size).fill(1);
  // Belkina's rate is for a gradient with its factor 4, which `klGradient` has.
  const rate = Math.max(size / EXAGGERATION / 4, 50);

  const pace = createPace(watch.signal);
  for (let iteration = 0; iteration < iterations; iteration++) {
    const early = iteration < EARLY;
    if (iteration === EARLY) velocity.fill(0);
    klGradient(p, early ? EXAGGERATION : 1, y, repulsion, gradient);
    descend(y, gradient, velocity, gains, rate, early ? 0.5 : 0.8);
    if (iteration % 10 === 0) watch.onProgress?.(iteration / iterations, `t-SNE ${iteration} of ${iterations}`);
    await pace();
  }
  return { points: y, kl: divergence(p, y), perplexity, iterations };
}

/** A map as a start: centred, with a root mean square of 1e-4 along its first axis, and a little noise. */
function small(map: Float64Array, seed: number): Float64Array {
  const size = map.length / 2;
  const mean = [0, 0];
  map.forEach((value, at) => (mean[at % 2]! += value / size));
  let squares = 0;
  for (let i = 0; i < size; i++) squares += (map[2 * i]! - mean[0]!) ** 2;
  const scale = squares > 0 ? 1e-4 / Math.sqrt(squares / size) : 0;
  const noise = random(seed, 't-SNE noise');
  return map.map((value, at) => (value - mean[at % 2]!) * scale + 1e-6 * noise.normal());
}

/** dKL/dy = 4 sum_j (p_ij - q_ij / Z) q_ij (y_i - y_j), into `gradient`. */
function klGradient(
  { starts, columns, values }: Affinities,
  exaggeration: number,
  y: Float64Array,
  repulsion: Repulsion,
  gradient: Float64Array,
): void {
  const size = starts.length - 1;
  const z = repulsion.of(y, gradient);
  for (let i = 0; i < size; i++) {
    const xi = y[2 * i]!;
    const yi = y[2 * i + 1]!;
    const end = starts[i + 1]!;
    let x = 0;
    let v = 0;
    for (let at = starts[i]!; at < end; at++) {
      const j = 2 * columns[at]!;
      const dx = xi - y[j]!;
      const dy = yi - y[j + 1]!;
      const pull = values[at]! / (1 + dx * dx + dy * dy);
      x += pull * dx;
      v += pull * dy;
    }
    gradient[2 * i] = 4 * (exaggeration * x - gradient[2 * i]! / z);
    gradient[2 * i + 1] = 4 * (exaggeration * v - gradient[2 * i + 1]! / z);
  }
}

/** Momentum with a gain per coordinate that grows while it keeps its direction (Jacobs 1988). */
function descend(
  y: Float64Array,
  gradient: Float64Array,
  velocity: Float64Array,
  gains: Float64Array,
  rate: number,
  momentum: number,
): void {
  for (let c = 0; c < y.length; c++) {
    const keepsDirection = velocity[c]! * gradient[c]! < 0;
    gains[c] = Math.max(0.01, keepsDirection ? gains[c]! + 0.2 : gains[c]! * 0.8);
    velocity[c] = momentum * velocity[c]! - rate * gains[c]! * gradient[c]!;
    y[c]! += velocity[c]!;
  }
}

/** The KL divergence of any map of the points, in nats. */
export async function divergenceOf(
  engine: Engine,
  points: Points,
  map: Float64Array,
  perplexity: number,
): Promise<number> {
  return divergence(await affinities(engine, points, perplexity), map);
}

/** KL(P || Q) over the neighbours, with the exact normaliser of Q. */
function divergence({ starts, columns, values }: Affinities, y: Float64Array): number {
  const size = starts.length - 1;
  const similarity = (i: number, j: number) =>
    1 / (1 + (y[2 * i]! - y[2 * j]!) ** 2 + (y[2 * i + 1]! - y[2 * j + 1]!) ** 2);
  let z = 0;
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) z += 2 * similarity(i, j);
  let kl = 0;
  for (let i = 0; i < size; i++) {
    for (let at = starts[i]!; at < starts[i + 1]!; at++) {
      const p = values[at]!;
      if (p > 0) kl += p * Math.log((p * z) / similarity(i, columns[at]!));
    }
  }
  return kl;
}
