/** The table twin of a picture: the same numbers, a page at a time, so that a long run stays quick. */
import { html, nothing } from 'lit';
import type { TemplateResult } from 'lit';
import { formatStep } from '../protocol/format';

export interface TableView {
  readonly caption: string;
  readonly header: readonly string[];
  /** How many of the first columns are words, not numbers. */
  readonly texts: number;
  readonly length: number;
  readonly row: (index: number) => readonly (string | TemplateResult)[];
  /** The row that the cursor stands on: its page is shown until another is turned to. */
  readonly current?: number;
}

const pageSize = 25;

/** `changed` asks for a new frame after a page was turned. */
export function createTable(changed: () => void) {
  let turned: { page: number; current: number | undefined } | undefined;

  return function table({ caption, header, texts, length, row, current }: TableView): TemplateResult {
    const pages = Math.max(1, Math.ceil(length / pageSize));
    // Moving the cursor goes back to following it.
    if (turned && turned.current !== current) turned = undefined;
    const page = Math.min(pages - 1, turned?.page ?? Math.floor(Math.max(0, current ?? 0) / pageSize));
    const turn = (to: number) => {
      turned = { page: Math.min(pages - 1, Math.max(0, to)), current };
      changed();
    };
    const first = page * pageSize;
    const indices = Array.from({ length: Math.min(pageSize, length - first) }, (_, i) => first + i);
    const kind = (column: number) => (column < texts ? 'text' : 'number');
    const pager = html`<nav class="pager" aria-label="Pages of the table">
      <button @click=${() => turn(0)} ?disabled=${page === 0}>First</button>
      <button @click=${() => turn(page - 1)} ?disabled=${page === 0}>Previous</button>
      <span role="status"
        >rows ${formatStep(first + 1)}–${formatStep(first + indices.length)} of ${formatStep(length)}</span
      >
      <button @click=${() => turn(page + 1)} ?disabled=${page === pages - 1}>Next</button>
      <button @click=${() => turn(pages - 1)} ?disabled=${page === pages - 1}>Last</button>
    </nav>`;
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${caption}>
        <table>
          <caption>
            ${caption}
          </caption>
          <thead>
            <tr>
              ${header.map((name, column) => html`<th scope="col" class=${kind(column)}>${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${indices.map((index) => {
              const [head, ...cells] = row(index);
              return html`<tr aria-current=${index === current ? 'true' : nothing}>
                <th scope="row" class=${kind(0)}>${head}</th>
                ${cells.map((cell, i) => html`<td class=${kind(i + 1)}>${cell}</td>`)}
              </tr>`;
            })}
          </tbody>
        </table>
      </div>
      ${pages > 1 ? pager : nothing}`;
  };
}
