/** The curves: one small chart per metric, stacked on one step axis with one crosshair. */
import { html, nothing } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { formatMetric, formatStep, metricName } from '../protocol/format';
import { createChart, isNoisy } from './chart';
import type { MetricChart } from './chart';
import { saveCsv, savePng } from './host';
import { icon } from './icons';
import { csv, rowsOf } from './numbers/csv';
import { nearestIndex } from './numbers/nearest';
import { cursorStep, moveCursor, toggled } from './page';
import type { Page } from './page';
import { panel, tableToggle } from './panel';
import { createTable } from './table';
import type { Theme } from './theme';

const order = [
  'train/loss',
  'train/lr',
  'perf/images_per_second',
  'perf/memory_mb',
  'perf/data_wait',
  'train/grad_norm',
  'eval/knn_top1',
  'eval/probe_top1',
  'health/std',
  'health/rankme',
  'health/effective_rank',
  'health/lidar',
  'health/uniformity',
  'health/alignment',
];

/** Known metrics in the order of their interest, then whatever else the run logged. */
function keysOf(metrics: Readonly<Record<string, unknown>>): string[] {
  const known = order.filter((key) => key in metrics);
  return [...known, ...Object.keys(metrics).filter((key) => !order.includes(key))];
}

export function createCurves(page: Page) {
  const charts = new Map<string, MetricChart>();
  const table = createTable(page.changed);
  const ranges = new Map<string, { of: readonly number[]; read: number; low: number; high: number }>();
  let hover: number | undefined;

  const span = (): readonly [number, number] => page.choices.range ?? [0, Math.max(1, page.run.step)];

  /** Scales the visible steps about the cursor, or the middle when it is out of sight. */
  function zoomBy(factor: number) {
    const [from, to] = span();
    const cursor = cursorStep(page);
    const centre = cursor >= from && cursor <= to ? cursor : (from + to) / 2;
    setRange(centre - (centre - from) * factor, centre + (to - centre) * factor);
  }

  function setRange(from: number, to: number) {
    const last = Math.max(1, page.run.step);
    const range = [Math.max(0, Math.round(from)), Math.min(last, Math.round(to))] as const;
    if (range[1] - range[0] < Math.min(10, last)) return;
    page.choose({ range: range[0] <= 0 && range[1] >= last ? null : range });
  }

  function panBy(share: number) {
    const [from, to] = span();
    const shift = Math.min(page.run.step - to, Math.max(-from, (to - from) * share));
    setRange(from + shift, to + shift);
  }

  function keydown(event: KeyboardEvent) {
    const action = {
      '+': () => zoomBy(0.5),
      '=': () => zoomBy(0.5),
      '-': () => zoomBy(2),
      '0': () => page.choose({ range: null }),
      '[': () => panBy(-0.25),
      ']': () => panBy(0.25),
    }[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  /** The value under the crosshair, or under the cursor. */
  function reading(key: string): string {
    const series = page.run.metrics[key];
    const index = series ? nearestIndex(series.steps, hover ?? cursorStep(page)) : -1;
    const value = series?.values[index];
    return value === undefined ? '' : `${formatMetric(key, value)} @ ${formatStep(series?.steps[index] ?? 0)}`;
  }

  /** Lowest and highest so far, of new rows only: a long run must not be read whole for each of its rows. */
  function rangeOf(key: string) {
    const { values = [] } = page.run.metrics[key] ?? {};
    let range = ranges.get(key);
    if (range?.of !== values) ranges.set(key, (range = { of: values, read: 0, low: Infinity, high: -Infinity }));
    for (; range.read < values.length; range.read++) {
      const value = values[range.read] as number;
      if (!Number.isFinite(value)) continue;
      range.low = Math.min(range.low, value);
      range.high = Math.max(range.high, value);
    }
    return range;
  }

  function describe(key: string): string {
    const { title, unit } = metricName(key);
    const { steps = [], values = [] } = page.run.metrics[key] ?? {};
    const { low, high } = rangeOf(key);
    const name = unit ? `${title} in ${unit}` : title;
    return (
      `${name} over steps ${formatStep(steps[0] ?? 0)} to ${formatStep(steps.at(-1) ?? 0)}: ` +
      `from ${formatMetric(key, values[0] ?? NaN)} to ${formatMetric(key, values.at(-1) ?? NaN)}, ` +
      `lowest ${formatMetric(key, low)}, highest ${formatMetric(key, high)}. Plus and minus zoom, brackets pan, 0 resets.`
    );
  }

  function curve(key: string) {
    const { title, unit, about } = metricName(key);
    const log = page.choices.log.includes(key);
    const loggable = rangeOf(key).high > 0;
    return html`<figure class="curve ${key === 'train/loss' ? 'main' : ''}">
      <figcaption>
        <span class="name" title=${about ?? nothing}>${title}</span>
        ${unit && unit !== '%' ? html`<span class="unit">${unit}</span>` : nothing}
        <output>${reading(key)}</output>
        <button
          class="tool"
          aria-pressed=${log}
          ?disabled=${!loggable}
          title="Logarithmic axis for ${title.toLowerCase()}"
          @click=${() => page.choose({ log: toggled(page.choices.log, key) })}
        >
          log
        </button>
      </figcaption>
      <div class="plot">
        <canvas data-metric=${key} tabindex="0" role="img" aria-label=${describe(key)} @keydown=${keydown}></canvas>
      </div>
    </figure>`;
  }

  function allRows() {
    return rowsOf(page.run.metrics, keysOf(page.run.metrics));
  }

  function exportCsv() {
    const { keys, steps, row } = allRows();
    const lines = steps.map((step, index) => [step, ...row(index)]);
    saveCsv(csv(['step', ...keys], lines), `${page.run.manifest.runId}-metrics.csv`);
  }

  function twin() {
    const { keys, steps, row } = allRows();
    return table({
      caption: 'Metrics by step',
      header: ['Step', ...keys.map((key) => metricName(key).title)],
      texts: 0,
      length: steps.length,
      row: (index) => [
        formatStep(steps[index] ?? 0),
        ...row(index).map((value, column) => (value === undefined ? '' : formatMetric(keys[column] ?? '', value))),
      ],
      current: nearestIndex(steps, cursorStep(page)),
    });
  }

  function tools() {
    const { range, smoothing } = page.choices;
    return html`<label class="smoothing" title="Moving average; the raw values stay faintly behind">
        smoothing
        <input
          type="range"
          min="0"
          max="0.98"
          step="0.02"
          .value=${String(smoothing)}
          aria-valuetext=${smoothing === 0 ? 'none' : smoothing.toFixed(2)}
          @input=${(event: Event) => page.choose({ smoothing: Number((event.target as HTMLInputElement).value) })}
        />
        <span class="value">${smoothing === 0 ? 'none' : smoothing.toFixed(2)}</span>
      </label>
      <button class="tool" title="Zoom in about the cursor (+)" aria-label="Zoom in" @click=${() => zoomBy(0.5)}>
        ${icon('zoomIn')}
      </button>
      <button
        class="tool"
        title="Zoom out (−)"
        aria-label="Zoom out"
        ?disabled=${range === null}
        @click=${() => zoomBy(2)}
      >
        ${icon('zoomOut')}
      </button>
      <button
        class="tool"
        title="Show all steps (0)"
        ?disabled=${range === null}
        @click=${() => page.choose({ range: null })}
      >
        reset
      </button>
      <button class="tool" title="Save every metric as CSV" @click=${exportCsv}>CSV</button>
      <button
        class="tool"
        title="Save the curves as PNG"
        ?disabled=${page.choices.tables.includes('curves')}
        @click=${() => void savePng(poster([...charts.entries()]), `${page.run.manifest.runId}-curves.png`)}
      >
        PNG
      </button>
      ${tableToggle(page, 'curves')}`;
  }

  return {
    render() {
      const keys = keysOf(page.run.metrics);
      if (keys.length === 0) return nothing;
      const asTable = page.choices.tables.includes('curves');
      const [from, to] = span();
      const body = asTable
        ? twin()
        : html`<div class="stack">${repeat(keys, (key) => key, curve)}</div>
            <p class="note">
              ${page.choices.range ? html`steps ${formatStep(from)}–${formatStep(to)} of ${formatStep(page.run.step)} · ` : nothing}drag
              to zoom, shift-drag to pan, ctrl-wheel, click to set the step
            </p>`;
      return panel({ id: 'curves', title: 'Curves', tools: tools(), body });
    },

    /** Paints what `render` has laid out. */
    draw(root: ParentNode, theme: Theme) {
      const canvases = [...root.querySelectorAll<HTMLCanvasElement>('canvas[data-metric]')];
      for (const [key, chart] of charts) {
        if (canvases.includes(chart.canvas)) continue;
        chart.destroy();
        charts.delete(key);
      }
      const [from, to] = span();
      canvases.forEach((canvas, index) => {
        const key = canvas.dataset['metric'] as string;
        const series = page.run.metrics[key];
        if (!series) return;
        let chart = charts.get(key);
        if (!chart) {
          chart = createChart(canvas, {
            zoomed: setRange,
            hovered(step) {
              hover = step;
              page.changed();
            },
            clicked: (step) => moveCursor(page, step),
          });
          charts.set(key, chart);
        }
        chart.update({
          key,
          series,
          from,
          to,
          last: page.run.step,
          smoothing: isNoisy(key) ? page.choices.smoothing : 0,
          log: page.choices.log.includes(key),
          theme,
          cursor: cursorStep(page),
          hover,
          labelled: index === canvases.length - 1,
        });
      });
    },
  };
}

/** All charts under one another with their names, on the page's ground. */
function poster(charts: readonly (readonly [key: string, chart: MetricChart])[]): HTMLCanvasElement {
  const scale = window.devicePixelRatio;
  const heading = 20 * scale;
  const sheet = document.createElement('canvas');
  sheet.width = Math.max(1, ...charts.map(([, { canvas }]) => canvas.width));
  sheet.height = charts.reduce((height, [, { canvas }]) => height + heading + canvas.height, 0);
  const context = sheet.getContext('2d') as CanvasRenderingContext2D;
  const style = getComputedStyle(document.body);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.fillStyle = style.color;
  context.font = `${12 * scale}px ${style.fontFamily}`;
  let top = 0;
  for (const [key, { canvas }] of charts) {
    const { title, unit } = metricName(key);
    context.fillText(unit && unit !== '%' ? `${title} (${unit})` : title, 8 * scale, top + 14 * scale);
    context.drawImage(canvas, 0, top + heading);
    top += heading + canvas.height;
  }
  return sheet;
}
