/** The frame around a picture: heading, tools, body. */
import { html, nothing } from 'lit';
import type { TemplateResult } from 'lit';
import { icon } from './icons';
import { toggled } from './page';
import type { Page, Picture } from './page';

interface PanelView {
  readonly id: string;
  readonly title: string;
  readonly subtitle?: TemplateResult | string | undefined;
  readonly tools?: TemplateResult;
  readonly body: unknown;
}

export const panel = ({ id, title, subtitle, tools, body }: PanelView) =>
  html`<section class="panel" id=${id} aria-labelledby="${id}-title">
    <header>
      <h2 id="${id}-title">${title}</h2>
      ${subtitle ? html`<span class="subtitle">${subtitle}</span>` : nothing}
      ${tools ? html`<div class="tools" role="group" aria-label="${title}: view">${tools}</div>` : nothing}
    </header>
    ${body}
  </section>`;

/** Switches a picture to its table and back. */
export function tableToggle(page: Page, picture: Picture) {
  const on = page.choices.tables.includes(picture);
  return html`<button
    class="tool"
    aria-pressed=${on}
    aria-label="As table"
    title=${on ? 'Show the picture' : 'Show the same numbers as a table'}
    @click=${() => page.choose({ tables: toggled(page.choices.tables, picture) })}
  >
    ${icon('table')}
  </button>`;
}
