/** What each checkpoint scored: never without its protocol, its baseline and its interval. */
import { html, nothing, svg } from 'lit';
import {
  formatDifference,
  formatDuration,
  formatEvaluation,
  formatFigure,
  formatGain,
  formatInterval,
  formatMeasure,
  formatPercent,
  formatScore,
  formatStep,
  measureName,
} from '../protocol/format';
import type { Comparison, Evaluation, Score } from '../protocol/events';
import type { ScoredCheckpoint } from '../protocol/run';
import { saveCsv } from './host';
import { csv } from './numbers/csv';
import type { Page } from './page';
import { panel } from './panel';
import { stepSlider, wantedOf } from './steps';

/** Newest checkpoint first; within one, the order in which they were judged. */
function sorted(evaluations: readonly ScoredCheckpoint[]): readonly ScoredCheckpoint[] {
  return [...evaluations].sort((a, b) => b.step - a.step || a.time - b.time);
}

/** Score and baseline as intervals on one scale, of accuracies from 0 to 100%; the numbers above are its table. */
export function intervals({ metric, score, baseline }: Comparison) {
  const end = metric === 'accuracy' ? 1 : 1.1 * Math.max(score.interval[1], baseline.interval[1]);
  const at = (value: number) => `${(100 * value) / (end || 1)}%`;
  const bar = ({ value, interval: [low, high] }: Score, y: number, name: string) => svg`
    <line class=${name} x1=${at(low)} x2=${at(high)} y1=${y} y2=${y}></line>
    <line class="${name} point" x1=${at(value)} x2=${at(value)} y1=${y - 6} y2=${y + 6}></line>`;
  return html`<svg class="intervals" aria-hidden="true">
    ${svg`<line class="axis" x1="0" x2="100%" y1="9" y2="9"></line>`} ${bar(baseline, 9, 'baseline')}
    ${bar(score, 9, 'score')}
  </svg>`;
}

/** A figure above its interval. */
function figure(metric: Comparison['metric'], score: Score) {
  return html`<td class="figure" title=${formatScore(metric, score)}>
    <span class="number">${formatFigure(metric, score.value)}</span>
    <small class="number">${formatInterval(metric, score.interval)}</small>
  </td>`;
}

function gainCell({ metric, gain }: Comparison) {
  const [value, low, high] = [gain.value, ...gain.interval].map((end) => formatDifference(metric, end));
  return html`<td class="figure" title=${formatGain({ metric, gain })}>
    <span class="number">${value}</span>
    <small class="number">${low} to ${high}</small>
  </td>`;
}

/** Further figures, each above the baseline's. */
export function measuresOf({ measures = {} }: Evaluation) {
  const entries = Object.entries(measures);
  if (entries.length === 0) return nothing;
  return html`<dl class="measures">
    ${entries.map(
      ([name, measure]) =>
        html`<div>
          <dt>${measureName(name)}</dt>
          <dd><span class="number">${formatMeasure(measure.score, name)}</span></dd>
          ${
            measure.baseline === undefined
              ? nothing
              : html`<dd>
                  <small>random init <span class="number">${formatMeasure(measure.baseline, name)}</span></small>
                </dd>`
          }
        </div>`,
    )}
  </dl>`;
}

function row({ evaluation }: ScoredCheckpoint) {
  const { comparison, protocol, seconds, trainImages, testImages } = evaluation;
  const images = [
    ...(trainImages > 0 ? [`${formatStep(trainImages)} train`] : []),
    ...(testImages > 0 ? [`${formatStep(testImages)} test`] : []),
  ];
  const facts = [
    protocol,
    ...(images.length > 0 ? [`${images.join(', ')} images`] : []),
    ...(comparison ? [`baseline: ${comparison.baseline.name}`] : []),
    `took ${formatDuration(seconds)}`,
  ];
  return html`<tr class="scored">
      <th scope="row">${formatEvaluation(evaluation)}${comparison?.metric === 'loss' ? ', loss' : ''}</th>
      ${
        comparison
          ? [
              figure(comparison.metric, comparison.score),
              figure(comparison.metric, comparison.baseline),
              gainCell(comparison),
            ]
          : html`<td colspan="3"></td>`
      }
    </tr>
    <tr class="protocol">
      <td colspan="4">
        ${comparison ? intervals(comparison) : nothing} ${measuresOf(evaluation)}
        <details>
          <summary title="How it was judged"><small>${facts.join('; ')}</small></summary>
        </details>
      </td>
    </tr>`;
}

export function exportEvaluations({ run }: Page) {
  const header = ['step', 'kind', 'variant', 'labels', 'metric', 'score', 'low', 'high', 'baseline', 'baselineScore'];
  const measures = [...new Set(run.evaluations.flatMap(({ evaluation }) => Object.keys(evaluation.measures ?? {})))];
  const rows = sorted(run.evaluations).map(({ step, evaluation: e }) => [
    ...[step, e.kind, e.variant ?? '', e.labels],
    ...compared(e),
    ...[e.classes, e.trainImages, e.testImages, e.seconds, e.protocol],
    ...measures.flatMap((name) => [e.measures?.[name]?.score ?? '', e.measures?.[name]?.baseline ?? '']),
  ]);
  const rest = ['baselineLow', 'baselineHigh', 'gain', 'gainLow', 'gainHigh', 'classes', 'trainImages', 'testImages'];
  const names = measures.flatMap((name) => [name, `${name}Baseline`]);
  const columns = [...header, ...rest, 'seconds', 'protocol', ...names];
  saveCsv(csv(columns, rows), `${run.manifest.runId}-evaluations.csv`);
}

function compared({ comparison }: Evaluation): readonly (string | number)[] {
  if (!comparison) return Array<string>(11).fill('');
  const { metric, score, baseline, gain } = comparison;
  const figures = ({ value, interval }: Score) => [value, ...interval];
  return [metric, ...figures(score), baseline.name, ...figures(baseline), ...figures(gain)];
}

export function underWay({ evaluating }: Page) {
  if (!evaluating) return nothing;
  const name = formatEvaluation({ kind: evaluating.kind, labels: 1 });
  return html`<div class="evaluating" role="status">
    <span>${name} of step ${formatStep(evaluating.step)}: ${evaluating.message}</span>
    <progress max="1" .value=${evaluating.done} aria-label="Evaluation under way"></progress>
    <span class="number">${formatPercent(evaluating.done, 0)}</span>
  </div>`;
}

/** Those of the judged checkpoint that the cursor stands on or nearest to. */
export function evaluations(page: Page) {
  const { run } = page;
  const judged = [...new Set(run.evaluations.map(({ step }) => step))].sort((a, b) => a - b).map((step) => ({ step }));
  const wanted = wantedOf(page, judged)?.step;
  const rows = run.evaluations.filter(({ step }) => step === wanted);
  const body = rows.length
    ? html`${stepSlider(page, 'evaluated checkpoint', judged, wanted)}
        <div class="table-scroll" tabindex="0" role="region" aria-label="Evaluations">
          <table class="evaluations">
            <caption>
              Top-1 accuracy unless another figure is named, with 95% bootstrap intervals over test images; gains are
              paired
            </caption>
            <thead>
              <tr>
                <th scope="col">Evaluation</th>
                <th scope="col">Score</th>
                <th scope="col">Baseline</th>
                <th scope="col">Gain</th>
              </tr>
            </thead>
            <tbody>
              ${rows.map(row)}
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
    ? html`<button class="tool" title="Save the evaluations as CSV" @click=${() => exportEvaluations(page)}>
        CSV
      </button>`
    : html``;
  return panel({ id: 'evaluations', title: 'Evaluations', tools, body: html`${underWay(page)} ${body}` });
}
