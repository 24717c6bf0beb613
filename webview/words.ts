/** Sentences that several panels say. */
import { html } from 'lit';
import type { TemplateResult } from 'lit';
import { formatStep } from '../protocol/format';
import type { LiveStatus } from '../protocol/messages';

/** Which step a picture is of, and that it is not the cursor's own when it is not. */
export function stepNote(shown: number, wanted: number, cursor: number): TemplateResult {
  const step = html`<span class="number">step ${formatStep(shown)}</span>`;
  if (shown !== wanted) return html`${step} · loading step ${formatStep(wanted)}…`;
  return shown === cursor ? step : html`${step} · nearest logged to ${formatStep(cursor)}`;
}

/** The last part of a path or an id. */
export function fileName(id: string): string {
  return id.split(/[\\/]/).at(-1) ?? id;
}

export const isLive = (status: LiveStatus) => status === 'running' || status === 'paused';
