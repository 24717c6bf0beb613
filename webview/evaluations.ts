/** What each checkpoint scored: never without its protocol, its baseline and its interval. */
import { html, nothing, svg } from 'lit';
import {
  formatDuration,
  formatEvaluation,
  formatGain,
  formatMeasure,
  formatPercent,
  formatScore,
  formatStep,
  measureName,
} from '../protocol/format';
import type { Evaluation } from '../protocol/events';
import type { ScoredCheckpoint } from '../protocol/run';
import { saveCsv } from './host';
import { csv } from './numbers/csv';
import { cursorStep, moveCursor } from './page';
import type { Page } from './page';
import { panel } from './panel';

/** Newest checkpoint first; within one, the order in which they were judged. */
function sorted(evaluations: readonly ScoredCheckpoint[]): readonly ScoredCheckpoint[] {
  return [...evaluations].sort((a, b) => b.step - a.step || a.time - b.time);
}

/** Score and baseline as intervals on one scale from 0 to 100%; the numbers above are its table. */
function intervals({ score, baseline }: Evaluation) {
  const at = (share: number) => `${share * 100}%`;
  const bar = ({ top1, interval: [low, high] }: Evaluation['score'], y: number, name: string) => svg`
    <line class=${name} x1=${at(low)} x2=${at(high)} y1=${y} y2=${y}></line>
    <line class="${name} point" x1=${at(top1)} x2=${at(top1)} y1=${y - 6} y2=${y + 6}></line>`;
  return html`<svg class="intervals" aria-hidden="true">
    ${svg`<line class="axis" x1="0" x2="100%" y1="9" y2="9"></line>`} ${bar(baseline, 9, 'baseline')}
    ${bar(score, 9, 'score')}
  </svg>`;
}

const percentRange = ([low, high]: readonly [number, number]) => `${(low * 100).toFixed(1)}–${(high * 100).toFixed(1)}`;

function gainText({ gain }: Evaluation) {
  const points = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value * 100).toFixed(1)}`;
  return html`<span class="number" title=${formatGain(gain)}>${points(gain.value)}</span>
    <small class="number">${points(gain.interval[0])} to ${points(gain.interval[1])}</small>`;
}

/** Further figures, each above the baseline's. */
function measuresOf({ measures = {}, baseline }: Evaluation) {
  const entries = Object.entries(measures);
  if (entries.length === 0) return nothing;
  return html`<dl class="measures">
    ${entries.map(
      ([name, measure]) =>
        html`<div>
          <dt>${measureName(name)}</dt>
          <dd><span class="number">${formatMeasure(measure.score)}</span></dd>
          <dd>
            <small>${baseline.name} <span class="number">${formatMeasure(measure.baseline)}</span></small>
          </dd>
        </div>`,
    )}
  </dl>`;
}

function row(page: Page, { step, evaluation }: ScoredCheckpoint) {
  const { score, baseline, protocol, seconds, trainImages, testImages } = evaluation;
  const current = cursorStep(page) === step;
  return html`<tr class="scored" aria-current=${current ? 'true' : nothing}>
      <th scope="row">
        <button class="link number" title="Go to step ${formatStep(step)}" @click=${() => moveCursor(page, step)}>
          ${formatStep(step)}
        </button>
      </th>
      <td>${formatEvaluation(evaluation)}</td>
      <td class="figure" title=${formatScore(score)}>
        <span class="number">${formatPercent(score.top1)}</span
        ><small class="number">${percentRange(score.interval)}</small>
      </td>
      <td class="figure" title=${formatScore(baseline)}>
        <span class="number">${formatPercent(baseline.top1)}</span>
        <small class="number">${percentRange(baseline.interval)}</small>
      </td>
      <td class="figure">${gainText(evaluation)}</td>
    </tr>
    <tr class="protocol">
      <td></td>
      <td colspan="4">
        ${intervals(evaluation)} ${measuresOf(evaluation)}
        <small>
          ${protocol}; ${trainImages > 0 ? `${formatStep(trainImages)} train, ` : ''}${formatStep(testImages)} test
          images; baseline: ${baseline.name}; took ${formatDuration(seconds)}
        </small>
      </td>
    </tr>`;
}

function exportCsv({ run }: Page) {
  const header = ['step', 'kind', 'labels', 'top1', 'low', 'high', 'baseline', 'baselineTop1', 'baselineLow'];
  const measures = [...new Set(run.evaluations.flatMap(({ evaluation }) => Object.keys(evaluation.measures ?? {})))];
  const rows = sorted(run.evaluations).map(({ step, evaluation: e }) => [
    ...[step, e.kind, e.labels, e.score.top1, ...e.score.interval],
    ...[e.baseline.name, e.baseline.top1, ...e.baseline.interval],
    ...[e.gain.value, ...e.gain.interval, e.classes, e.trainImages, e.testImages, e.seconds, e.protocol],
    ...measures.flatMap((name) => [e.measures?.[name]?.score ?? '', e.measures?.[name]?.baseline ?? '']),
  ]);
  const rest = ['baselineHigh', 'gain', 'gainLow', 'gainHigh', 'classes', 'trainImages', 'testImages', 'seconds'];
  const names = measures.flatMap((name) => [name, `${name}Baseline`]);
  saveCsv(csv([...header, ...rest, 'protocol', ...names], rows), `${run.manifest.runId}-evaluations.csv`);
}

function underWay({ evaluating }: Page) {
  if (!evaluating) return nothing;
  const name = formatEvaluation({ kind: evaluating.kind, labels: 1 });
  return html`<div class="evaluating" role="status">
    <span>${name} of step ${formatStep(evaluating.step)}: ${evaluating.message}</span>
    <progress max="1" .value=${evaluating.done} aria-label="Evaluation under way"></progress>
    <span class="number">${formatPercent(evaluating.done, 0)}</span>
  </div>`;
}

export function evaluations(page: Page) {
  const { run } = page;
  const rows = sorted(run.evaluations);
  const body = rows.length
    ? html`<div class="table-scroll" tabindex="0" role="region" aria-label="Evaluations">
        <table class="evaluations">
          <caption>
            Top-1 accuracy with 95% bootstrap intervals over test images; gain in points, paired
          </caption>
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Evaluation</th>
              <th scope="col">Score</th>
              <th scope="col">Baseline</th>
              <th scope="col">Gain</th>
            </tr>
          </thead>
          <tbody>
            ${rows.map((scored) => row(page, scored))}
          </tbody>
        </table>
      </div>`
    : page.evaluating
      ? nothing
      : html`<p class="empty">
          Not judged yet. A linear probe, a clustering or a fine-tuning of a checkpoint shows what its encoder is worth,
          beside an honest baseline.
        </p>`;
  const tools = rows.length
    ? html`<button class="tool" title="Save the evaluations as CSV" @click=${() => exportCsv(page)}>CSV</button>`
    : html``;
  return panel({ id: 'evaluations', title: 'Evaluations', tools, body: html`${underWay(page)} ${body}` });
}
