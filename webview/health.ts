/** How the embeddings of a checkpoint spread: their singular values, and the effective rank after each block. */
import { html, nothing } from 'lit';
import { formatNumber, formatStep } from '../protocol/format';
import type { HealthFile } from '../protocol/events';
import { saveCsv } from './host';
import { linesChart } from './lines';
import { csv } from './numbers/csv';
import { formatTick } from './numbers/tick';
import type { Page } from './page';
import { panel, tableToggle } from './panel';
import { stepSlider, wantedOf } from './steps';
import { createTable } from './table';

/** The newest look at each checkpoint that has one. */
function looks({ evaluations }: Page['run']): { readonly step: number; readonly file: string }[] {
  const byStep = new Map<number, string>();
  for (const { step, evaluation, file } of evaluations)
    if (evaluation.kind === 'health' && file !== undefined) byStep.set(step, file);
  return [...byStep].map(([step, file]) => ({ step, file })).sort((a, b) => a.step - b.step);
}

/** Singular values below this share of the largest are not told apart. */
const LEAST = -6;

/** Powers of ten of the singular values' shares of the largest: at most four ticks from 1 down to the smallest. */
function spectrum({ encoders }: HealthFile) {
  const lines = encoders.map(({ name, singularValues }) => {
    const largest = singularValues[0] || 1;
    return { name, values: singularValues.map((value) => Math.max(LEAST, Math.log10(value / largest))) };
  });
  const low = Math.max(LEAST, Math.min(-1, Math.floor(Math.min(...lines.flatMap(({ values }) => values)))));
  const every = low < -3 ? 2 : 1;
  const exponents = Array.from({ length: Math.ceil(-low / every) + 1 }, (_, i) => Math.max(low, -i * every)).reverse();
  return linesChart({
    title: 'Singular values, as a share of the largest',
    along: 'singular value',
    lines,
    ticks: exponents.map((value) => ({ value, text: value === 0 ? '1' : `1e−${-value}` })),
    marked: false,
  });
}

function ranks({ encoders }: HealthFile) {
  const lines = encoders.map(({ name, layers }) => ({ name, values: layers.map(({ rank }) => rank) }));
  const highest = Math.max(1, ...lines.flatMap(({ values }) => values));
  const unit = 10 ** Math.floor(Math.log10(highest / 2));
  const spacing = [1, 2, 5, 10].map((times) => times * unit).find((step) => highest / step <= 4)!;
  const count = Math.ceil(highest / spacing);
  return linesChart({
    title: 'Effective rank after each block',
    along: 'block',
    lines,
    ticks: Array.from({ length: count + 1 }, (_, i) => ({
      value: i * spacing,
      text: formatTick(i * spacing, spacing, false),
    })),
    marked: true,
  });
}

export function createHealth(page: Page) {
  const layerTable = createTable(page.changed);
  const valueTable = createTable(page.changed);
  let shown: HealthFile | undefined;

  /** What is known of a step as soon as it is here; until then the one before it stays. */
  function look(file: string): string | undefined {
    const opened = page.files.open('health', file);
    if (opened.state === 'failed') return opened.error;
    if (opened.state === 'ready') shown = opened.content;
    return undefined;
  }

  function twins({ step, encoders }: HealthFile) {
    const names = encoders.map(({ name }) => name);
    const layers = layerTable({
      caption: `Effective rank after each block at step ${formatStep(step)}`,
      header: ['Block', 'Width', ...names],
      texts: 0,
      length: encoders[0]!.layers.length,
      row: (at) => [
        String(at + 1),
        formatStep(encoders[0]!.layers[at]!.width),
        ...encoders.map((encoder) => formatNumber(encoder.layers[at]?.rank ?? NaN)),
      ],
    });
    const values = valueTable({
      caption: `Singular values of the embeddings at step ${formatStep(step)}`,
      header: ['Singular value', ...names],
      texts: 0,
      length: encoders[0]!.singularValues.length,
      row: (at) => [String(at + 1), ...encoders.map(({ singularValues }) => formatNumber(singularValues[at] ?? NaN))],
    });
    return html`${layers} ${values}`;
  }

  function exportCsv({ step, encoders }: HealthFile) {
    const rows = encoders.flatMap(({ name, layers, singularValues }) => [
      ...layers.map(({ rank }, at) => [step, name, 'effective rank', at + 1, rank]),
      ...singularValues.map((value, at) => [step, name, 'singular value', at + 1, value]),
    ]);
    saveCsv(csv(['step', 'encoder', 'what', 'place', 'value'], rows), `${page.run.manifest.runId}-health-${step}.csv`);
  }

  const charts = (file: HealthFile) =>
    html`<div class="health">${spectrum(file)} ${ranks(file)}</div>
      <p class="note">
        Of the embeddings of ${formatStep(file.images)} images. The flatter the singular values, the more directions are
        in use; a cliff is where embeddings stop to differ.
      </p>`;

  return {
    /** Nothing until a checkpoint was looked at. */
    render() {
      const judged = looks(page.run);
      const wanted = wantedOf(page, judged);
      if (!wanted) return nothing;
      const failure = look(wanted.file);
      const asTable = page.choices.tables.includes('health');
      const tools = html`<button
          class="tool"
          title="Save singular values and ranks as CSV"
          ?disabled=${!shown}
          @click=${() => shown && exportCsv(shown)}
        >
          CSV
        </button>
        ${tableToggle(page, 'health')}`;
      const body = shown
        ? asTable
          ? twins(shown)
          : charts(shown)
        : html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`;
      return panel({
        id: 'health',
        title: 'Health',
        tools,
        body: html`${stepSlider(page, 'health', judged, shown?.step)}
        ${failure ? html`<p class="problem" role="alert">${failure}</p>` : body}`,
      });
    },
  };
}
