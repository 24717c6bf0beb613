/** The step slider of a picture: every logged one of it, on the cursor that the whole page shares. */
import { html } from 'lit';
import type { EvaluationKind } from '../protocol/events';
import { formatStep } from '../protocol/format';
import type { Run } from '../protocol/run';
import { nearest, nearestIndex } from './numbers/nearest';
import { cursorStep } from './page';
import type { Page } from './page';

interface Logged {
  readonly step: number;
}

/** What the newest evaluation of a kind found in pictures, of each checkpoint that has one. */
export function judgedBy({ evaluations }: Run, kind: EvaluationKind): (Logged & { readonly file: string })[] {
  const byStep = new Map<number, string>();
  for (const { step, evaluation, file } of evaluations)
    if (evaluation.kind === kind && file !== undefined) byStep.set(step, file);
  return [...byStep].map(([step, file]) => ({ step, file })).sort((a, b) => a.step - b.step);
}

/** Which of the logged pictures the cursor stands on or nearest to. */
export function wantedOf<T extends Logged>(page: Page, logged: readonly T[]): T | undefined {
  return nearest(logged, cursorStep(page));
}

/** `shown` is the step of the picture on the page: the one before it stays until the wanted one has come. */
export function stepSlider(page: Page, name: string, logged: readonly Logged[], shown: number | undefined) {
  const steps = logged.map(({ step }) => step);
  const cursor = cursorStep(page);
  const index = nearestIndex(steps, cursor);
  const wanted = steps[index] ?? 0;
  const last = steps.length - 1;
  const go = (to: number) => page.choose({ cursor: steps[Math.min(last, Math.max(0, to))] ?? 'live' });
  const note =
    shown !== undefined && shown !== wanted
      ? `, loading ${formatStep(wanted)}…`
      : wanted === cursor
        ? ''
        : `, nearest logged to ${formatStep(cursor)}`;
  return html`<div class="steps">
    <button class="tool" aria-label="Previous logged step" ?disabled=${index <= 0} @click=${() => go(index - 1)}>
      ‹
    </button>
    <input
      type="range"
      min="0"
      max=${last}
      .value=${String(index)}
      ?disabled=${last === 0}
      aria-label="Step of the ${name}"
      aria-valuetext="step ${formatStep(wanted)}, ${index + 1} of ${last + 1} logged"
      @input=${(event: Event) => go(Number((event.target as HTMLInputElement).value))}
    />
    <button class="tool" aria-label="Next logged step" ?disabled=${index === last} @click=${() => go(index + 1)}>
      ›
    </button>
    <output><strong>step ${formatStep(shown ?? wanted)}</strong>${note}</output>
  </div>`;
}
