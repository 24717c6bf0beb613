/**
 * `builtin:shapes`: pictures of ten shapes, drawn here, each a pure function of its index. Every shape covers the
 * same area at the same scale; size, place, angle, colours, textures and which of shape and ground is the lighter
 * are drawn alike for all classes. So no pixel and no histogram tells the class: the outline does.
 */
import { random, type Random } from '../random/random';
import { outlines, type Outline } from './outlines';

export const shapeClasses: readonly string[] = Object.keys(outlines);
export const shapeSizes = { min: 32, max: 96 } as const;
/** Part of the cache's key: raise it when the same index would give other pixels. */
export const shapesVersion = 1;

/** Classes take turns, so any range of indices is balanced. */
export function shapeLabel(index: number): number {
  return index % shapeClasses.length;
}

const outlineOf: readonly Outline[] = Object.values(outlines);

/** Picture `index`: [size, size, 3], row-major, 8-bit. */
export function drawShape(index: number, size: number): Uint8Array {
  const draws = random('shapes', shapesVersion, index);
  const between = (low: number, high: number) => low + (high - low) * draws.uniform();
  const outline = outlineOf[shapeLabel(index)]!;

  // The frame is [0, 1] x [0, 1]; an outline's own frame has area pi, as the unit circle.
  const scale = between(0.23, 0.34);
  const centreX = between(0.36, 0.64);
  const centreY = between(0.36, 0.64);
  // Upright, give or take, as things in photos are.
  const angle = between(-Math.PI / 6, Math.PI / 6);
  const cos = Math.cos(angle) / scale;
  const sin = Math.sin(angle) / scale;
  const [ground, figure] = twoColours(draws);
  const { tint: groundTint, texture: groundTexture } = paint(draws, ground);
  const { tint: figureTint, texture: figureTexture } = paint(draws, figure);
  const noise = between(0, 0.04);

  const pixels = new Uint8Array(size * size * 3);
  const edge = scale * size;
  for (let row = 0, o = 0; row < size; row++) {
    const y = (row + 0.5) / size;
    for (let column = 0; column < size; column++, o += 3) {
      const x = (column + 0.5) / size;
      const dx = x - centreX;
      const dy = y - centreY;
      // Distance to the outline in pixels, negative inside: half a pixel either way is the edge's blend.
      const distance = outline(cos * dx + sin * dy, cos * dy - sin * dx) * edge;
      const inside = Math.min(1, Math.max(0, 0.5 - distance));
      // Textures cost the most; what does not show need not be painted.
      const f = inside > 0 ? figureTexture(x, y) : 0;
      const g = inside < 1 ? groundTexture(x, y) : 0;
      const grain = noise * (draws.uniform() - draws.uniform());
      for (let c = 0; c < 3; c++) {
        const value = (ground[c]! + groundTint[c]! * g) * (1 - inside) + (figure[c]! + figureTint[c]! * f) * inside;
        pixels[o + c] = Math.min(255, Math.max(0, Math.round((value + grain) * 255)));
      }
    }
  }
  return pixels;
}

type Colour = readonly [red: number, green: number, blue: number];

/** Two colours that the eye can tell apart by lightness; either may be the lighter. */
function twoColours(draws: Random): readonly [Colour, Colour] {
  const colour = (): Colour => [draws.uniform(), draws.uniform(), draws.uniform()];
  for (;;) {
    const pair = [colour(), colour()] as const;
    if (Math.abs(lightness(pair[0]) - lightness(pair[1])) > 0.3) return pair;
  }
}

function lightness([red, green, blue]: Colour): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

interface Paint {
  readonly tint: Colour;
  /** How far, -1..1, the tint is added to the base colour at a place in the frame. */
  readonly texture: (x: number, y: number) => number;
}

function paint(draws: Random, base: Colour): Paint {
  const strength = 0.04 + 0.1 * draws.uniform();
  // Tints lean toward the middle, so that they are seldom clipped.
  const tint = base.map((value) => (value > 0.5 ? -1 : 1) * strength * draws.uniform()) as unknown as Colour;
  return { tint, texture: texture(draws) };
}

function texture(draws: Random): (x: number, y: number) => number {
  const angle = 2 * Math.PI * draws.uniform();
  const phase = draws.uniform();
  const frequency = 3 + 5 * draws.uniform();
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const wave = (t: number) => 1 - 4 * Math.abs(t - Math.floor(t) - 0.5); // triangle wave of period 1
  switch (draws.int(5)) {
    case 0:
      return () => 0;
    case 1: // gradient
      return (x, y) => ((x - 0.5) * cos + (y - 0.5) * sin) * 2;
    case 2: // stripes
      return (x, y) => wave((x * cos + y * sin) * frequency + phase);
    case 3: // checks
      return (x, y) => wave((x * cos + y * sin) * frequency + phase) * wave((y * cos - x * sin) * frequency + phase);
    default:
      return clouds(draws);
  }
}

/** Value noise on a 5x5 lattice. */
function clouds(draws: Random): (x: number, y: number) => number {
  const lattice = Float64Array.from({ length: 25 }, () => draws.uniform() * 2 - 1);
  return (x, y) => {
    const column = Math.floor(x * 4);
    const row = Math.floor(y * 4);
    const u = x * 4 - column;
    const v = y * 4 - row;
    const at = row * 5 + column;
    const top = lattice[at]! * (1 - u) + lattice[at + 1]! * u;
    const bottom = lattice[at + 5]! * (1 - u) + lattice[at + 6]! * u;
    return top * (1 - v) + bottom * v;
  };
}
