/** A small chart of a few lines on one axis, without interaction: its numbers are in the table beside it. */
import { html, svg } from 'lit';

export interface LinesView {
  readonly title: string;
  /** What stands along the x axis, in words. */
  readonly along: string;
  /** Of each line its values at 1, 2, 3 and so on; the longest sets the length of the axis. */
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** Where the y axis is written on, from low to high; the first and the last are its ends. Nothing is drawn beyond them. */
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  /** Whether values are marked one by one, being few. */
  readonly marked: boolean;
}

const [WIDTH, HEIGHT] = [240, 120];
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 5, 8, 18];

export function linesChart({ title, along, lines, ticks, marked }: LinesView) {
  const low = ticks[0]!.value;
  const high = ticks.at(-1)!.value;
  const last = Math.max(2, ...lines.map(({ values }) => values.length));
  const x = (index: number) => LEFT + (index / (last - 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => {
    const share = (Math.min(high, Math.max(low, value)) - low) / (high - low || 1);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  };
  const points = (values: readonly number[]) => values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
  return html`<figure class="lines">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${title}>
      ${ticks.map(
        ({ value, text }) =>
          svg`<line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(value)} y2=${y(value)}></line>
            <text class="tick" x=${LEFT - 5} y=${y(value) + 3} text-anchor="end">${text}</text>`,
      )}
      <text class="tick" x=${LEFT} y=${HEIGHT - 5}>1</text>
      <text class="tick" x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 5} text-anchor="middle">${along}</text>
      <text class="tick" x=${WIDTH - RIGHT} y=${HEIGHT - 5} text-anchor="end">${last}</text>
      ${lines.map(
        ({ values }, i) => svg`<polyline class="series-${i}" points=${points(values).join(' ')}></polyline>
          ${marked ? values.map((value, at) => svg`<circle class="series-${i}" cx=${x(at)} cy=${y(value)} r="2.5"></circle>`) : []}`,
      )}
    </svg>
    <figcaption>
      <span class="axis">${title}</span>
      ${lines.map(({ name }, i) => html`<span class="key series-${i}">${name}</span>`)}
    </figcaption>
  </figure>`;
}
