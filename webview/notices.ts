/** What the trainer wanted known: skipped files, fallbacks, repairs. */
import { html, nothing } from 'lit';
import { icon } from './icons';
import type { Page } from './page';
import { panel } from './panel';

const newest = 200;

export function notices({ run }: Page) {
  if (run.notices.length === 0) return nothing;
  const shown = run.notices.slice(-newest).reverse();
  const hidden = run.notices.length - shown.length;
  const body = html`<ul class="notices" tabindex="0" aria-label="Notices, newest first">
      ${shown.map(
        ({ level, message, time }) =>
          html`<li data-level=${level}>
            ${icon(level)}<span class="sr-only">${level}:</span><span class="message">${message}</span>
            <time datetime=${new Date(time).toISOString()}>${new Date(time).toLocaleTimeString()}</time>
          </li>`,
      )}
    </ul>
    ${hidden > 0 ? html`<p class="note">${hidden} older ones are in events.jsonl of the run folder.</p>` : nothing}`;
  return panel({ id: 'notices', title: 'Notices', subtitle: String(run.notices.length), body });
}
