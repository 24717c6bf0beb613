import { lowerBound } from './nearest';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/**
 * The points of a series between `from` and `to` that a chart `buckets` pixels wide needs: of each bucket of equally
 * many points its lowest and highest, in their order, so that no spike is lost. One point beyond each end is kept, so
 * that the line enters and leaves the picture where it should.
 */
export function decimate(
  steps: readonly number[],
  values: readonly number[],
  from: number,
  to: number,
  buckets: number,
): Point[] {
  const start = Math.max(0, lowerBound(steps, from) - 1);
  const end = Math.min(steps.length, lowerBound(steps, to + 1) + 1);
  const point = (index: number): Point => ({ x: steps[index] as number, y: values[index] as number });
  const count = end - start;
  if (count <= 2 * buckets) return Array.from({ length: Math.max(0, count) }, (_, i) => point(start + i));

  const points = [point(start)];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const first = start + 1 + Math.floor((bucket * (count - 2)) / buckets);
    const last = start + 1 + Math.floor(((bucket + 1) * (count - 2)) / buckets);
    let low = first;
    let high = first;
    for (let i = first; i < last; i++) {
      // A value that is not a number must show as a gap, so it wins its bucket.
      if (Number.isNaN(values[i])) low = high = i;
      if ((values[i] as number) < (values[low] as number)) low = i;
      if ((values[i] as number) > (values[high] as number)) high = i;
    }
    points.push(point(Math.min(low, high)));
    if (low !== high) points.push(point(Math.max(low, high)));
  }
  points.push(point(end - 1));
  return points;
}
