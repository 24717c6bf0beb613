/** What a probe takes for what: one row per class, one column per answer. */
import { html, nothing } from 'lit';
import type { ProbeFile } from '../protocol/events';
import { formatPercent, formatStep } from '../protocol/format';
import { saveCsv } from './host';
import { csv } from './numbers/csv';
import { fullness } from './numbers/heat';
import type { Page } from './page';
import { panel, tableToggle } from './panel';
import { judgedBy, stepSlider, wantedOf } from './steps';
import { createTable } from './table';

/** With more classes cells are too small for numbers, and only the worst confusions are listed. */
const MOST_CLASSES = 20;
const LISTED = 10;

interface Mistake {
  readonly truth: number;
  readonly answer: number;
  readonly images: number;
  /** Of the images of the class. */
  readonly share: number;
}

/** The counts of a class by answer. */
const rowOf = ({ classes, counts }: ProbeFile, truth: number) =>
  counts.slice(truth * classes.length, (truth + 1) * classes.length);

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);

/** What is taken for something else, the most frequent first. */
export function mistakes(file: ProbeFile): Mistake[] {
  return file.classes
    .flatMap((_, truth) => {
      const row = rowOf(file, truth);
      const all = Math.max(1, sum(row));
      return row.map((images, answer) => ({ truth, answer, images, share: images / all }));
    })
    .filter(({ truth, answer, images }) => truth !== answer && images > 0)
    .sort((a, b) => b.share - a.share || b.images - a.images);
}

export function createConfusion(page: Page) {
  const table = createTable(page.changed);
  let shown: ProbeFile | undefined;

  /** The matrix of a step as soon as it is here; until then the one before it stays. */
  function look(file: string): string | undefined {
    const opened = page.files.open('probe', file);
    if (opened.state === 'failed') return opened.error;
    if (opened.state === 'ready') shown = opened.content;
    return undefined;
  }

  function matrix(file: ProbeFile) {
    const { classes } = file;
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label="Confusion matrix">
      <table class="heat confusion">
        <thead>
          <tr>
            <td></td>
            ${classes.map((name) => html`<th scope="col"><span>${name}</span></th>`)}
          </tr>
        </thead>
        <tbody>
          ${classes.map((name, truth) => {
            const row = rowOf(file, truth);
            const all = Math.max(1, sum(row));
            return html`<tr>
              <th scope="row" class="text">${name}</th>
              ${row.map(
                (images, answer) =>
                  html`<td
                    class="number"
                    data-full=${fullness(images / all, { low: 0, high: 1 }).toFixed(3)}
                    data-tone=${answer === truth ? nothing : 'less'}
                    title="${name} taken for ${classes[answer]}: ${images} of ${all}"
                  >
                    ${images > 0 ? Math.round((100 * images) / all) : ''}
                  </td>`,
              )}
            </tr>`;
          })}
        </tbody>
      </table>
    </div>`;
  }

  const worst = (file: ProbeFile) =>
    html`<ol class="mistakes">
      ${mistakes(file)
        .slice(0, LISTED)
        .map(
          ({ truth, answer, images, share }) =>
            html`<li>
              ${file.classes[truth]} taken for ${file.classes[answer]}
              <span class="number">${formatPercent(share, 0)}</span> <small>${formatStep(images)} images</small>
            </li>`,
        )}
    </ol>`;

  function twin(file: ProbeFile) {
    const { classes, counts, baseline, step } = file;
    const all = classes.length ** 2;
    return table({
      caption: `Test images by class and answer at step ${formatStep(step)}`,
      header: ['Class', 'Answer', 'Images', baseline.name],
      texts: 2,
      length: all,
      row: (at) => [
        classes[Math.floor(at / classes.length)]!,
        classes[at % classes.length]!,
        formatStep(counts[at]!),
        formatStep(baseline.counts[at]!),
      ],
    });
  }

  function exportCsv({ classes, counts, baseline, step }: ProbeFile) {
    const rows = counts.map((count, at) => [
      ...[step, classes[Math.floor(at / classes.length)]!, classes[at % classes.length]!],
      ...[count, baseline.counts[at]!],
    ]);
    saveCsv(
      csv(['step', 'class', 'answer', 'images', 'baseline'], rows),
      `${page.run.manifest.runId}-probe-${step}.csv`,
    );
  }

  return {
    /** Nothing until a checkpoint was probed. */
    render() {
      const judged = judgedBy(page.run, 'probe');
      const wanted = wantedOf(page, judged);
      if (!wanted) return nothing;
      const failure = look(wanted.file);
      const tools = html`<button
          class="tool"
          title="Save the counts as CSV"
          ?disabled=${!shown}
          @click=${() => shown && exportCsv(shown)}
        >
          CSV
        </button>
        ${tableToggle(page, 'probe')}`;
      const picture = (file: ProbeFile) =>
        html`${file.classes.length <= MOST_CLASSES ? matrix(file) : nothing} ${worst(file)}
          <p class="note">
            Answers of the probe with most labels, in % of the images of each class; rows are classes, columns answers.
            Below, what it takes for something else most often.
          </p>`;
      const body = !shown
        ? html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`
        : page.choices.tables.includes('probe')
          ? twin(shown)
          : picture(shown);
      return panel({
        id: 'confusion',
        title: 'Confusion matrix',
        tools,
        body: html`${stepSlider(page, 'confusion matrix', judged, shown?.step)}
        ${failure ? html`<p class="problem" role="alert">${failure}</p>` : body}`,
      });
    },

    /** A strict content policy allows no style in the markup. */
    draw(root: ParentNode) {
      for (const cell of root.querySelectorAll<HTMLElement>('.confusion [data-full]'))
        cell.style.setProperty('--full', cell.dataset['full']!);
    },
  };
}
