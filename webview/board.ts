/** The table of baselines: one row per protocol, one column per checkpoint. */
import { html, nothing } from 'lit';
import type { Board, BoardRow } from '../protocol/board';
import { formatFigure, formatGain, formatInterval, formatScore, formatStep } from '../protocol/format';
import type { ScoredCheckpoint } from '../protocol/run';
import { intervals, measuresOf } from './evaluations';
import { cursorStep, moveCursor } from './page';
import type { Page } from './page';

function cell(scored: ScoredCheckpoint | undefined, isBest: boolean) {
  if (!scored) return html`<td></td>`;
  const { evaluation } = scored;
  const { comparison, protocol } = evaluation;
  if (!comparison) return html`<td class="figure" title=${protocol}>${measuresOf(evaluation)}</td>`;
  const { metric, score, baseline } = comparison;
  return html`<td class="figure" title="${formatGain(comparison)}. ${protocol}">
    <span class="number ${isBest ? 'best' : ''}">${formatFigure(metric, score.value)}</span>
    ${isBest ? html`<span class="best" aria-label="best">★</span>` : nothing}
    <small class="number">${formatInterval(metric, score.interval)}</small>
    ${intervals(comparison)}
    <small title=${formatScore(metric, baseline)}>
      ${baseline.name} <span class="number">${formatFigure(metric, baseline.value)}</span>
    </small>
    ${measuresOf(evaluation)}
  </td>`;
}

const row = ({ name, cells, best }: BoardRow) =>
  html`<tr class="scored">
    <th scope="row">${name}</th>
    ${cells.map((scored, i) => cell(scored, i === best))}
  </tr>`;

export function boardTable(page: Page, { steps, rows }: Board) {
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Scores beside their baselines">
    <table class="evaluations board">
      <caption>
        Top-1 accuracy unless another figure is named, with 95% bootstrap intervals over test images; ★ is the best of
        several checkpoints
      </caption>
      <thead>
        <tr>
          <th scope="col">Evaluation</th>
          ${steps.map(
            (step) =>
              html`<th scope="col" aria-current=${cursorStep(page) === step ? 'true' : nothing}>
                <button class="link number" @click=${() => moveCursor(page, step)}>step ${formatStep(step)}</button>
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows.map(row)}
      </tbody>
    </table>
  </div>`;
}
