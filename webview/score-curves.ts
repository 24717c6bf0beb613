/** Scores along checkpoints, and along shares of the labels: how soon, and how few are enough. */
import { html, nothing, svg } from 'lit';
import type { Curve, CurvePoint } from '../protocol/board';
import { formatFigure, formatPercent, formatScore, formatStep } from '../protocol/format';
import { panel } from './panel';

const [WIDTH, HEIGHT] = [240, 130];
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 12, 8, 18];

/** "1%", "10%", "100%" */
const shareText = (share: number) => formatPercent(share, 2).replace(/\.?0+%$/, '%');

interface Along {
  readonly place: (at: number) => number;
  readonly text: (at: number) => string;
}

const bySteps: Along = { place: (step) => step, text: formatStep };
const byShares: Along = { place: Math.log10, text: shareText };

function chart({ name, points }: Curve, { place, text }: Along) {
  const { metric, baseline } = points[0]!;
  const ends = points.flatMap(({ score, baseline }) => [...score.interval, ...baseline.interval]);
  const low = metric === 'accuracy' ? 0 : Math.min(...ends);
  const high = Math.max(...ends);
  const [first, last] = [place(points[0]!.at), place(points.at(-1)!.at)];
  const x = ({ at }: CurvePoint) => LEFT + ((place(at) - first) / (last - first || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  const line = (of: 'score' | 'baseline', series: number) => svg`
    <polyline class="series-${series}" points=${points.map((point) => `${x(point).toFixed(1)},${y(point[of].value).toFixed(1)}`).join(' ')}></polyline>
    ${points.map((point) => {
      const [from, to] = point[of].interval;
      return svg`<line class="whisker series-${series}" x1=${x(point)} x2=${x(point)} y1=${y(from)} y2=${y(to)}></line>
        <circle class="series-${series}" cx=${x(point)} cy=${y(point[of].value)} r="2.5"></circle>`;
    })}`;
  const words = points.map((point) => `${text(point.at)}: ${formatScore(metric, point.score)}`);
  return html`<figure class="lines">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${name}. ${words.join('; ')}">
      ${[low, high].map(
        (value) => svg`<line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(value)} y2=${y(value)}></line>
          <text class="tick" x=${LEFT - 5} y=${y(value) + 3} text-anchor="end">${formatFigure(metric, value)}</text>`,
      )}
      ${points.map(
        (point, i) =>
          svg`<text class="tick" x=${x(point)} y=${HEIGHT - 5} text-anchor=${i === 0 ? 'start' : i === points.length - 1 ? 'end' : 'middle'}>${text(point.at)}</text>`,
      )}
      ${line('baseline', 1)} ${line('score', 0)}
    </svg>
    <figcaption>
      <span class="axis">${name}</span>
      <span class="key series-0">pretrained</span>
      <span class="key series-1">${baseline.name}</span>
    </figcaption>
  </figure>`;
}

/** Nothing where nothing was judged twice; the numbers are those of the table above. */
export function scoreCurves(byStep: readonly Curve[], byLabels: readonly Curve[]) {
  const part = (id: string, title: string, curves: readonly Curve[], along: Along, note: string) =>
    curves.length === 0
      ? nothing
      : panel({
          id,
          title,
          body: html`<div class="score-curves">${curves.map((curve) => chart(curve, along))}</div>
            <p class="note">${note}</p>`,
        });
  return html`${part(
    'by-step',
    'Scores by checkpoint',
    byStep,
    bySteps,
    'Along the steps of the training, with 95% intervals over test images.',
  )}
  ${part(
    'by-labels',
    'Scores by labels',
    byLabels,
    byShares,
    'With more and more of the training labels, on a logarithmic axis: the less the curve falls to the left, the fewer labels are enough.',
  )}`;
}
