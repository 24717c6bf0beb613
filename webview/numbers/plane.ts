/** Geometry of the embedding map: flat [x0, y0, x1, y1, ...] lists and a square view onto them. */

export type Direction = 'left' | 'right' | 'up' | 'down';

/** Largest absolute coordinate: half the side of the square, centred on 0, that holds all points. */
export function extent(points: readonly number[]): number {
  return points.reduce((size, value) => Math.max(size, Math.abs(value)), 0);
}

/** Index of the visible point nearest to (x, y) and at most `reach` away, or -1. */
export function pointAt(
  points: readonly number[],
  x: number,
  y: number,
  reach: number,
  visible: (index: number) => boolean = () => true,
): number {
  let best = -1;
  let bestDistance = reach * reach;
  for (let i = 0; i < points.length / 2; i++) {
    const dx = (points[2 * i] as number) - x;
    const dy = (points[2 * i + 1] as number) - y;
    const distance = dx * dx + dy * dy;
    if (distance <= bestDistance && visible(i)) {
      best = i;
      bestDistance = distance;
    }
  }
  return best;
}

/** The visible point nearest to `from` within 45° of a direction (y grows upwards), or `from` where there is none. */
export function pointTowards(
  points: readonly number[],
  from: number,
  direction: Direction,
  visible: (index: number) => boolean = () => true,
): number {
  const sign = direction === 'right' || direction === 'up' ? 1 : -1;
  const horizontal = direction === 'left' || direction === 'right';
  let best = from;
  let bestDistance = Infinity;
  for (let i = 0; i < points.length / 2; i++) {
    const dx = (points[2 * i] as number) - (points[2 * from] as number);
    const dy = (points[2 * i + 1] as number) - (points[2 * from + 1] as number);
    const along = sign * (horizontal ? dx : dy);
    const across = Math.abs(horizontal ? dy : dx);
    const distance = dx * dx + dy * dy;
    if (along > 0 && across <= along && distance < bestDistance && visible(i)) {
      best = i;
      bestDistance = distance;
    }
  }
  return best;
}
