/** How the views of the shown images relate: their similarities as a matrix, their scores as histograms. */
import { html, nothing, svg } from 'lit';
import { formatNumber } from '../protocol/format';
import type { Distribution, PicturesFile, Similarities } from '../protocol/events';

const BINS = 32;
const [WIDTH, HEIGHT] = [320, 90];

export function relations({ similarities, distributions }: PicturesFile, asTable: boolean) {
  const axes = [...new Set(distributions?.map(({ axis }) => axis))];
  return html`${similarities ? matrix(similarities, asTable) : nothing}
  ${axes.map((axis) =>
    histograms(
      axis,
      distributions!.filter((each) => each.axis === axis),
      asTable,
    ),
  )}`;
}

function matrix({ labels, values }: Similarities, asTable: boolean) {
  if (asTable) {
    return html`<div class="scroll">
      <table class="matrix">
        <caption>
          Cosine similarity of views
        </caption>
        ${labels.map(
          (label, row) =>
            html`<tr>
              <th scope="row">${label}</th>
              ${labels.map((_, column) => html`<td>${formatNumber(values[row * labels.length + column] ?? NaN)}</td>`)}
            </tr>`,
        )}
      </table>
    </div>`;
  }
  return html`<figure class="relation">
    <canvas
      class="similarities"
      width=${labels.length}
      height=${labels.length}
      role="img"
      aria-label="Cosine similarity of every view with every other, from ${labels[0]} to ${labels.at(-1)}"
    ></canvas>
    <figcaption>Cosine similarity of every view with every other: the fuller the colour, the more alike.</figcaption>
  </figure>`;
}

/** One pixel per pair; the style sheet enlarges it. Similarities of 0 and less are the background. */
export function paintSimilarities(canvas: HTMLCanvasElement, { labels, values }: Similarities): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  const side = labels.length;
  context.clearRect(0, 0, side, side);
  context.fillStyle = getComputedStyle(canvas).color;
  values.forEach((value, i) => {
    context.globalAlpha = Math.min(1, Math.max(0, value));
    context.fillRect(i % side, Math.floor(i / side), 1, 1);
  });
  context.globalAlpha = 1;
}

/** All of one axis together, so that what lies apart is seen to. */
function histograms(axis: string | undefined, distributions: readonly Distribution[], asTable: boolean) {
  const all = distributions.flatMap(({ values }) => values).filter(Number.isFinite);
  if (all.length === 0) return nothing;
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const span = high - low || 1;
  const counted = distributions.map(({ title, values }) => {
    const shares = new Array<number>(BINS).fill(0);
    for (const value of values) {
      const bin = Math.min(BINS - 1, Math.floor(((value - low) / span) * BINS));
      shares[bin]! += 1 / values.length;
    }
    return { title, shares, mean: values.reduce((sum, value) => sum + value, 0) / values.length };
  });
  const most = Math.max(...counted.flatMap(({ shares }) => shares));
  const legend = counted.map(
    ({ title, mean }, i) => html`<span class="key series-${i}">${title}, mean ${formatNumber(mean)}</span>`,
  );
  if (asTable) return html`<p class="note">${axis === undefined ? nothing : html`${axis}: `}${legend}</p>`;
  const outline = (shares: readonly number[]) =>
    shares.map((share, bin) => {
      const y = HEIGHT - (share / most) * HEIGHT;
      return `${bin === 0 ? `M0 ${HEIGHT}` : ''}L${(bin / BINS) * WIDTH} ${y}L${((bin + 1) / BINS) * WIDTH} ${y}`;
    });
  return html`<figure class="relation">
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-label=${[...(axis === undefined ? [] : [axis]), ...counted.map(({ title, mean }) => `${title}: mean ${formatNumber(mean)}`)].join('; ')}
    >
      ${counted.map(({ shares }, i) => svg`<path class="series-${i}" d="${outline(shares).join('')}L${WIDTH} ${HEIGHT}Z" />`)}
    </svg>
    <figcaption>
      ${axis === undefined ? nothing : html`<span class="axis">${axis}</span>`}
      <span class="number">${formatNumber(low)}</span>${legend}<span class="number">${formatNumber(high)}</span>
    </figcaption>
  </figure>`;
}
