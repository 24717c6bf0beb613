import type { MetricSeries } from '../../protocol/run';
import { union } from './nearest';

export interface Rows {
  readonly keys: readonly string[];
  readonly steps: readonly number[];
  /** Values of one step in the order of `keys`; undefined where a metric has no row. */
  readonly row: (index: number) => (number | undefined)[];
}

/** Metrics side by side, one row for each step at which any was logged. */
export function rowsOf(metrics: Readonly<Record<string, MetricSeries>>, keys: readonly string[]): Rows {
  const all = keys.map((key) => metrics[key] ?? { steps: [], values: [] });
  const steps = union(all.map((series) => series.steps));
  const places = all.map((series) => new Map(series.steps.map((step, index) => [step, index])));
  return {
    keys,
    steps,
    row: (index) =>
      all.map((series, column) => {
        const place = places[column]?.get(steps[index] as number);
        return place === undefined ? undefined : series.values[place];
      }),
  };
}

const field = (value: string | number | undefined) => {
  const text = value === undefined ? '' : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** RFC 4180, numbers in full precision. */
export function csv(header: readonly string[], rows: Iterable<readonly (string | number | undefined)[]>): string {
  const lines = [header, ...rows].map((row) => row.map(field).join(','));
  return lines.join('\r\n') + '\r\n';
}
