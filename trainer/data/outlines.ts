/** The ten outlines of `builtin:shapes`, as signed distances: negative inside, 0 on the line. */

/** Distance from (x, y) to the outline, in units in which the shape's area is pi. */
export type Outline = (x: number, y: number) => number;

export const outlines: Readonly<Record<string, Outline>> = {
  circle: (x, y) => Math.hypot(x, y) - 1,
  square: unitArea(polygon(regular(4, [1]))),
  triangle: unitArea(polygon(regular(3, [1]))),
  star: unitArea(polygon(regular(5, [1, 0.42]))),
  cross: unitArea(
    polygon([
      [0.33, 1],
      [0.33, 0.33],
      [1, 0.33],
      [1, -0.33],
      [0.33, -0.33],
      [0.33, -1],
      [-0.33, -1],
      [-0.33, -0.33],
      [-1, -0.33],
      [-1, 0.33],
      [-0.33, 0.33],
      [-0.33, 1],
    ]),
  ),
  ring: unitArea((x, y) => Math.abs(Math.hypot(x, y) - 0.78) - 0.22),
  heart: unitArea(heart),
  crescent: unitArea((x, y) => Math.max(Math.hypot(x, y) - 1, 0.8 - Math.hypot(x - 0.45, y))),
  arrow: unitArea(
    polygon([
      [1, 0],
      [0.1, 0.85],
      [0.1, 0.32],
      [-1, 0.32],
      [-1, -0.32],
      [0.1, -0.32],
      [0.1, -0.85],
    ]),
  ),
  hourglass: unitArea(
    polygon([
      [0.75, 1],
      [0.12, 0],
      [0.75, -1],
      [-0.75, -1],
      [-0.12, 0],
      [-0.75, 1],
    ]),
  ),
};

type Point = readonly [x: number, y: number];

/** Corners at equal angles, at the radii in turn. */
function regular(corners: number, radii: readonly number[]): Point[] {
  const count = corners * radii.length;
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count;
    const radius = radii[i % radii.length]!;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
}

/** Exact distance to a simple polygon; inside by the winding rule. */
function polygon(points: readonly Point[]): Outline {
  const corners = Float64Array.from(points.flat());
  return (x, y) => {
    let nearest = Infinity;
    let inside = false;
    let bx = corners[corners.length - 2]!;
    let by = corners[corners.length - 1]!;
    for (let i = 0; i < corners.length; i += 2) {
      const ax = corners[i]!;
      const ay = corners[i + 1]!;
      const ex = bx - ax;
      const ey = by - ay;
      const wx = x - ax;
      const wy = y - ay;
      const along = Math.min(1, Math.max(0, (wx * ex + wy * ey) / (ex * ex + ey * ey)));
      const px = wx - ex * along;
      const py = wy - ey * along;
      nearest = Math.min(nearest, px * px + py * py);
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
      bx = ax;
      by = ay;
    }
    return (inside ? -1 : 1) * Math.sqrt(nearest);
  };
}

/** A square on its corner with a half disc on each upper side; symmetric about the y axis, tip down. */
function heart(x: number, y: number): number {
  const side = Math.abs(x);
  const r = Math.SQRT1_2 / 2;
  const disc = Math.hypot(side - 0.25, y - 0.25) - r;
  const diamond = (side + Math.abs(y) - 0.5) * Math.SQRT1_2;
  return Math.min(disc, diamond);
}

/** The outline about its own centroid and scaled to area pi. Measured when first drawn: most threads draw none. */
function unitArea(outline: Outline): Outline {
  let measured: ReturnType<typeof measure> | undefined;
  return (x, y) => {
    const { scale, centreX, centreY } = (measured ??= measure(outline));
    return outline(x / scale + centreX, y / scale + centreY) * scale;
  };
}

/** On a fine grid. */
function measure(outline: Outline): { scale: number; centreX: number; centreY: number } {
  const steps = 400;
  const extent = 1.3;
  const step = (2 * extent) / steps;
  let count = 0;
  let sumX = 0;
  let sumY = 0;
  for (let i = 0; i < steps; i++) {
    for (let j = 0; j < steps; j++) {
      const x = -extent + (i + 0.5) * step;
      const y = -extent + (j + 0.5) * step;
      if (outline(x, y) >= 0) continue;
      count++;
      sumX += x;
      sumY += y;
    }
  }
  const scale = Math.sqrt(Math.PI / (count * step * step));
  return { scale, centreX: sumX / count, centreY: sumY / count };
}
