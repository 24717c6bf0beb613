/** One metric over steps: a Chart.js line with the raw values faintly behind their moving average. */
import { Chart, LinearScale, LineController, LineElement, LogarithmicScale, PointElement } from 'chart.js';
import type { ChartOptions, Plugin, Scale } from 'chart.js';
import zoom from 'chartjs-plugin-zoom';
import { formatStep, metricName } from '../protocol/format';
import type { MetricSeries } from '../protocol/run';
import { decimate } from './numbers/decimate';
import type { Point } from './numbers/decimate';
import { nearestIndex } from './numbers/nearest';
import { smoother } from './numbers/smooth';
import { formatTick } from './numbers/tick';
import type { Theme } from './theme';

Chart.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale, zoom);

export interface ChartView {
  readonly key: string;
  readonly series: MetricSeries;
  readonly from: number;
  readonly to: number;
  /** Newest step of the run: zooming out ends there. */
  readonly last: number;
  readonly smoothing: number;
  readonly log: boolean;
  readonly theme: Theme;
  /** Step of the page's cursor, and of the pointer where it is over a curve. */
  readonly cursor: number;
  readonly hover: number | undefined;
  /** Only the lowest of the stack writes its steps. */
  readonly labelled: boolean;
}

export interface ChartActions {
  zoomed(from: number, to: number): void;
  hovered(step: number | undefined): void;
  clicked(step: number): void;
}

export interface MetricChart {
  readonly canvas: HTMLCanvasElement;
  update(view: ChartView): void;
  destroy(): void;
}

/** Axes of the stack line up, so the width of their labels is fixed. */
const axisWidth = 50;

/** A loss may start anywhere; an amount of something is only honest from zero. */
const startsAtZero = (key: string) => /^(perf|eval|health)\//.test(key) || key === 'train/lr';

/** A schedule is exact and a look at embeddings is rare: there is nothing to smooth. */
export const isNoisy = (key: string) => key !== 'train/lr' && !/^(eval|health)\//.test(key);

export function createChart(canvas: HTMLCanvasElement, actions: ChartActions): MetricChart {
  let view: ChartView | undefined;
  let drawn = '';
  /** Grows with the series: a new row must not cost a pass over all of them. */
  let average: { of: readonly number[]; weight: number; next: (value: number) => number; values: number[] } | undefined;

  function averageOf({ series, smoothing, key }: ChartView): readonly number[] {
    if (!isNoisy(key) || smoothing === 0) return series.values;
    const { values } = series;
    if (average?.of !== values || average.weight !== smoothing)
      average = { of: values, weight: smoothing, next: smoother(smoothing), values: [] };
    for (let i = average.values.length; i < values.length; i++) average.values.push(average.next(values[i] as number));
    return average.values;
  }

  const cursors: Plugin<'line'> = {
    id: 'cursors',
    afterDatasetsDraw({ ctx, chartArea, scales }) {
      if (!view) return;
      const { series, theme } = view;
      const x = scales['x'] as Scale;
      const y = scales['y'] as Scale;
      const line = (step: number, dash: number[], colour: string) => {
        const index = nearestIndex(series.steps, step);
        const at = x.getPixelForValue(step);
        if (at < chartArea.left - 1 || at > chartArea.right + 1) return;
        ctx.save();
        ctx.strokeStyle = colour;
        ctx.lineWidth = 1;
        ctx.setLineDash(dash);
        ctx.beginPath();
        ctx.moveTo(at, chartArea.top);
        ctx.lineTo(at, chartArea.bottom);
        ctx.stroke();
        const value = averageOf(view as ChartView)[index];
        if (value !== undefined && Number.isFinite(value)) {
          ctx.setLineDash([]);
          ctx.fillStyle = theme.accent;
          ctx.strokeStyle = theme.background;
          ctx.lineWidth = 2;
          ctx.beginPath();
          ctx.arc(x.getPixelForValue(series.steps[index] as number), y.getPixelForValue(value), 4, 0, 2 * Math.PI);
          ctx.fill();
          ctx.stroke();
        }
        ctx.restore();
      };
      line(view.cursor, [], theme.muted);
      if (view.hover !== undefined) line(view.hover, [4, 3], theme.foreground);
    },
  };

  /** Made with its first view: Chart.js cannot do without scales. */
  let chart: Chart<'line', Point[]> | undefined;

  const stepAt = (event: { offsetX: number }) => {
    const x = chart?.scales['x'];
    return x && Math.round(Math.min(x.max, Math.max(x.min, x.getValueForPixel(event.offsetX) ?? 0)));
  };
  canvas.addEventListener('pointermove', (event) => actions.hovered(stepAt(event)));
  canvas.addEventListener('pointerleave', () => actions.hovered(undefined));

  function options({ key, from, to, last, log, theme, labelled }: ChartView): ChartOptions<'line'> {
    const ticks = { color: theme.muted, font: { family: theme.font, size: 11 }, maxRotation: 0 };
    const grid = { color: theme.grid, lineWidth: theme.highContrast ? 0.35 : 0.6, drawTicks: false };
    const border = { display: false };
    const zoomed = ({ chart }: { chart: Chart }) => {
      const { x } = chart.scales;
      if (x) actions.zoomed(Math.round(x.min), Math.round(x.max));
    };
    return {
      animation: false,
      parsing: false,
      normalized: true,
      responsive: true,
      maintainAspectRatio: false,
      layout: { padding: { top: 4, right: 8 } },
      onClick: (event, _, { scales }) => {
        const step = event.x === null ? undefined : scales['x']?.getValueForPixel(event.x);
        if (step !== undefined) actions.clicked(step);
      },
      scales: {
        x: {
          type: 'linear',
          min: from,
          max: to,
          border,
          grid,
          ticks: {
            ...ticks,
            display: labelled,
            padding: 4,
            maxTicksLimit: 6,
            includeBounds: false,
            precision: 0,
            callback: (value) => formatStep(Number(value)),
          },
        },
        y: {
          type: log ? 'logarithmic' : 'linear',
          beginAtZero: !log && startsAtZero(key),
          grace: log ? 0 : '4%',
          border,
          grid,
          afterFit: (scale) => {
            scale.width = axisWidth;
          },
          ticks: {
            ...ticks,
            padding: 6,
            maxTicksLimit: key === 'train/loss' ? 7 : 4,
            callback: (value, _, ticks) => {
              const spacing = ticks.length > 1 ? Math.abs((ticks[1]?.value ?? 0) - (ticks[0]?.value ?? 0)) : 0;
              return formatTick(Number(value), log ? 0 : spacing, metricName(key).unit === '%');
            },
          },
        },
      },
      plugins: {
        zoom: {
          limits: { x: { min: 0, max: Math.max(1, last), minRange: Math.min(10, Math.max(1, last)) } },
          zoom: {
            mode: 'x',
            wheel: { enabled: true, modifierKey: 'ctrl' },
            pinch: { enabled: true },
            drag: {
              enabled: true,
              threshold: 8,
              backgroundColor: `color-mix(in srgb, ${theme.accent} 20%, transparent)`,
              borderColor: theme.accent,
              borderWidth: 1,
            },
            onZoomComplete: zoomed,
          },
          pan: { enabled: true, mode: 'x', modifierKey: 'shift', onPan: zoomed },
        },
      },
    };
  }

  function datasets(view: ChartView) {
    const { series, from, to, theme } = view;
    const buckets = Math.max(50, Math.round(canvas.clientWidth || 400));
    const averaged = averageOf(view);
    const raw = decimate(series.steps, series.values, from, to, buckets);
    const line = (data: Point[], borderColor: string, borderWidth: number) => ({
      data,
      borderColor,
      borderWidth,
      pointRadius: data.length === 1 || (!isNoisy(view.key) && data.length < 40) ? 2.5 : 0,
      pointBackgroundColor: borderColor,
      pointBorderWidth: 0,
    });
    if (averaged === series.values) return [line(raw, theme.accent, 1.5)];
    return [
      line(decimate(series.steps, averaged, from, to, buckets), theme.accent, 1.5),
      line(raw, `color-mix(in srgb, ${theme.accent} 35%, transparent)`, 1),
    ];
  }

  return {
    canvas,
    update(next) {
      view = next;
      const { series, from, to, last, smoothing, log, theme, labelled } = next;
      const sketch = [
        series.values.length,
        series.steps.at(-1),
        from,
        to,
        last,
        smoothing,
        log,
        labelled,
        canvas.clientWidth,
      ];
      const key = JSON.stringify([...sketch, theme]);
      // Moving a cursor repaints; only new data, range or looks lay the chart out again.
      if (key === drawn) {
        chart?.draw();
        return;
      }
      drawn = key;
      if (!chart) {
        const data = { datasets: datasets(next) };
        chart = new Chart<'line', Point[]>(canvas, { type: 'line', data, options: options(next), plugins: [cursors] });
        return;
      }
      chart.options = options(next);
      chart.data.datasets = datasets(next);
      chart.update('none');
    },
    destroy: () => chart?.destroy(),
  };
}
