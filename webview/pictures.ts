/** What the pretext task asks and what the model answers: a fixed set of images, at every logged step. */
import { html, nothing } from 'lit';
import { formatNumber, formatPercent, formatStep } from '../protocol/format';
import type { Answer, PicturesFile } from '../protocol/events';
import { saveCsv } from './host';
import { csv } from './numbers/csv';
import type { Page } from './page';
import { panel } from './panel';
import { paintSimilarities, relations } from './relations';
import { paintTiles, sheetTools } from './sheet';
import { stepSlider, wantedOf } from './steps';
import { createTable } from './table';
import { fileName, firstComes } from './words';

interface Shown {
  readonly content: PicturesFile;
  readonly sheet: HTMLImageElement;
}

export function createPictures(page: Page) {
  const table = createTable(page.changed);
  let shown: Shown | undefined;
  let painted: Shown | undefined;

  /** The picture of a step as soon as it is here; until then the one before it stays. */
  function look(file: string): string | undefined {
    const opened = page.files.open('pictures', file);
    if (opened.state === 'failed') return opened.error;
    if (opened.state === 'loading') return undefined;
    const sheet = page.files.image(opened.content.png);
    if (sheet.state === 'failed') return sheet.error;
    if (sheet.state === 'ready' && shown?.sheet !== sheet.content)
      shown = { content: opened.content, sheet: sheet.content };
    return undefined;
  }

  function pictures({ content: { columns, images, imageSize } }: Shown) {
    const head = html`<div class="row head" aria-hidden="true">
      ${columns.map((column) => html`<span>${column}</span>`)}
    </div>`;
    // Two pictures are narrow: images stand two in a row.
    const narrow = columns.length === 2;
    return html`<div class=${narrow ? 'tiles narrow' : 'tiles'}>
      ${head}${narrow ? head : nothing}
      ${images.map(({ id, label, loss, answer }, row) => {
        const name = label ? `${label}, ${fileName(id)}` : fileName(id);
        return html`<figure>
          <div class="row">
            ${columns.map(
              (column, index) =>
                html`<canvas
                  width=${imageSize}
                  height=${imageSize}
                  data-row=${row}
                  data-column=${index}
                  role="img"
                  aria-label="${column}: ${name}"
                ></canvas>`,
            )}
          </div>
          <figcaption title=${id}>
            <span>${name}</span>${answer ? verdict(answer) : nothing}<span class="number"
              >loss ${formatNumber(loss)}</span
            >
          </figcaption>
        </figure>`;
      })}
    </div>`;
  }

  function exportCsv({ content }: Shown) {
    const rows = content.images.map(({ id, label, loss, answer }) => [
      ...[content.step, id, label, loss],
      ...[answer?.truth, answer?.guess, answer?.confidence],
    ]);
    saveCsv(
      csv(['step', 'image', 'label', 'loss', 'truth', 'guess', 'confidence'], rows),
      `${page.run.manifest.runId}-pictures-${content.step}.csv`,
    );
  }

  function twin({ content: { title, images, step } }: Shown) {
    const asks = images.some(({ answer }) => answer);
    return table({
      caption: `${title}: loss by image at step ${formatStep(step)}`,
      header: ['Image', 'Label', ...(asks ? ['Truth', 'Guess', 'Confidence'] : []), 'Loss'],
      texts: asks ? 4 : 2,
      length: images.length,
      row: (index) => {
        const { id = '', label = '', loss = NaN, answer } = images[index] ?? {};
        const said = answer ? [answer.truth, answer.guess, formatPercent(answer.confidence, 0)] : ['', '', ''];
        return [fileName(id), label, ...(asks ? said : []), formatNumber(loss)];
      },
    });
  }

  const savable = (of: Shown) => ({
    saveNumbers: () => exportCsv(of),
    poster: () => poster(of),
    step: of.content.step,
  });

  return {
    render() {
      const logged = page.run.pictures;
      const asTable = page.choices.tables.includes('pictures');
      if (logged.length === 0) {
        const body = html`<p class="empty">${firstComes(page.run, 'The first pictures', 'picturesEvery')}</p>`;
        return panel({ id: 'pictures', title: 'Pictures of the task', body });
      }
      const wanted = wantedOf(page, logged) ?? { step: 0, file: '' };
      const failure = look(wanted.file);
      const tools = sheetTools(page, 'pictures', 'the losses', shown && savable(shown));
      const picture = shown
        ? html`${asTable ? twin(shown) : pictures(shown)}${relations(shown.content, asTable)}
            <p class="note">${shown.content.note}</p>`
        : html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`;
      return panel({
        id: 'pictures',
        title: shown?.content.title ?? 'Pictures of the task',
        tools,
        body: html`${stepSlider(page, 'pictures', logged, shown?.content.step)}
        ${failure ? html`<p class="problem" role="alert">${failure}</p>` : picture}`,
      });
    },

    draw(root: ParentNode) {
      const tiles = root.querySelectorAll<HTMLCanvasElement>('.tiles canvas');
      if (!shown || (shown === painted && tiles[0]?.dataset['painted'])) return;
      painted = shown;
      const { columns, imageSize, similarities } = shown.content;
      // The policy of the page allows no style in the markup.
      root.querySelector<HTMLElement>('.tiles')?.style.setProperty('--columns', String(columns.length));
      const matrix = root.querySelector<HTMLCanvasElement>('canvas.similarities');
      if (matrix && similarities) paintSimilarities(matrix, similarities);
      paintTiles(tiles, shown.sheet, imageSize);
    },
  };
}

/** The answer to a task, right or wrong. */
function verdict({ truth, guess, confidence }: Answer) {
  const right = truth === guess;
  const words = right ? `${guess}, right` : `${guess}, not ${truth}`;
  return html`<span class=${right ? 'right' : 'wrong'}>${words} (${formatPercent(confidence, 0)} sure)</span>`;
}

/** The sheet with its column titles, enlarged without smoothing so that pixels stay pixels. */
function poster({ content, sheet }: Shown): HTMLCanvasElement {
  const scale = Math.max(1, Math.round(128 / content.imageSize));
  const heading = 24;
  const canvas = document.createElement('canvas');
  canvas.width = sheet.naturalWidth * scale;
  canvas.height = sheet.naturalHeight * scale + heading;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const style = getComputedStyle(document.body);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = style.color;
  context.font = `12px ${style.fontFamily}`;
  content.columns.forEach((column, index) => context.fillText(column, index * content.imageSize * scale + 4, 16));
  context.imageSmoothingEnabled = false;
  context.drawImage(sheet, 0, heading, canvas.width, canvas.height - heading);
  return canvas;
}
