/** What the model makes of the hidden patches: a fixed set of images, at every logged step. */
import { html } from 'lit';
import { formatNumber, formatPercent, formatStep } from '../protocol/format';
import type { ReconstructionFile } from '../protocol/events';
import { saveCsv, savePng } from './host';
import { csv } from './numbers/csv';
import type { Page } from './page';
import { panel, tableToggle } from './panel';
import { stepSlider, wantedOf } from './steps';
import { createTable } from './table';
import { fileName, firstComes } from './words';

const titles: Record<ReconstructionFile['columns'][number], string> = {
  original: 'original',
  masked: 'masked',
  reconstruction: 'reconstruction',
  pasted: 'visible pasted back',
};

interface Shown {
  readonly content: ReconstructionFile;
  readonly sheet: HTMLImageElement;
}

export function createReconstructions(page: Page) {
  const table = createTable(page.changed);
  let shown: Shown | undefined;
  let painted: Shown | undefined;

  /** The picture of a step as soon as it is here; until then the one before it stays. */
  function look(file: string): string | undefined {
    const opened = page.files.open('reconstruction', file);
    if (opened.state === 'failed') return opened.error;
    if (opened.state === 'loading') return undefined;
    const sheet = page.files.image(opened.content.png);
    if (sheet.state === 'failed') return sheet.error;
    if (sheet.state === 'ready' && shown?.sheet !== sheet.content)
      shown = { content: opened.content, sheet: sheet.content };
    return undefined;
  }

  function pictures({ content: { columns, images, imageSize } }: Shown) {
    return html`<div class="tiles">
      <div class="row head" aria-hidden="true">${columns.map((column) => html`<span>${titles[column]}</span>`)}</div>
      ${images.map(({ id, label, loss }, row) => {
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
                  aria-label="${titles[column]}: ${name}"
                ></canvas>`,
            )}
          </div>
          <figcaption title=${id}>
            <span>${name}</span><span class="number">loss ${formatNumber(loss)}</span>
          </figcaption>
        </figure>`;
      })}
    </div>`;
  }

  function honesty({ content: { maskRatio, trueStatistics } }: Shown) {
    const statistics = trueStatistics
      ? 'The model predicts normalised patches: brightness and contrast of each hidden patch come from its true mean and variance.'
      : 'Pixels as predicted, no true patch statistics used.';
    return html`<p class="note">
      ${formatPercent(maskRatio, 0)} of the patches are hidden, and the loss counts only them: what the third column
      shows where a patch is visible means nothing. In the last column the visible patches are pasted from the original.
      ${statistics}
    </p>`;
  }

  function exportCsv({ content }: Shown) {
    const rows = content.images.map(({ id, label, loss }) => [content.step, id, label, loss]);
    saveCsv(
      csv(['step', 'image', 'label', 'loss'], rows),
      `${page.run.manifest.runId}-reconstruction-${content.step}.csv`,
    );
  }

  function twin({ content: { images, step } }: Shown) {
    return table({
      caption: `Reconstruction loss by image at step ${formatStep(step)}`,
      header: ['Image', 'Label', 'Loss on hidden patches'],
      texts: 2,
      length: images.length,
      row: (index) => {
        const image = images[index];
        return [fileName(image?.id ?? ''), image?.label ?? '', formatNumber(image?.loss ?? NaN)];
      },
    });
  }

  return {
    render() {
      const { reconstructions } = page.run;
      const asTable = page.choices.tables.includes('reconstruction');
      if (reconstructions.length === 0) {
        const body = html`<p class="empty">
          ${firstComes(page.run, 'The first reconstructions', 'reconstructEvery')}
        </p>`;
        return panel({ id: 'reconstruction', title: 'Reconstructions', body });
      }
      const wanted = wantedOf(page, reconstructions) ?? { step: 0, file: '' };
      const failure = look(wanted.file);
      const tools = html`<button
          class="tool"
          title="Save the losses as CSV"
          ?disabled=${!shown}
          @click=${() => shown && exportCsv(shown)}
        >
          CSV
        </button>
        <button
          class="tool"
          title="Save the pictures as PNG"
          ?disabled=${!shown}
          @click=${() =>
            shown && void savePng(poster(shown), `${page.run.manifest.runId}-reconstruction-${shown.content.step}.png`)}
        >
          PNG
        </button>
        ${tableToggle(page, 'reconstruction')}`;
      const picture = shown
        ? html`${asTable ? twin(shown) : pictures(shown)} ${honesty(shown)}`
        : html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`;
      return panel({
        id: 'reconstruction',
        title: 'Reconstructions',
        tools,
        body: html`${stepSlider(page, 'reconstructions', reconstructions, shown?.content.step)}
        ${failure ? html`<p class="problem" role="alert">${failure}</p>` : picture}`,
      });
    },

    draw(root: ParentNode) {
      const tiles = root.querySelectorAll<HTMLCanvasElement>('.tiles canvas');
      if (!shown || (shown === painted && tiles[0]?.dataset['painted'])) return;
      painted = shown;
      const { imageSize } = shown.content;
      for (const tile of tiles) {
        const x = Number(tile.dataset['column']) * imageSize;
        const y = Number(tile.dataset['row']) * imageSize;
        const context = tile.getContext('2d');
        context?.clearRect(0, 0, imageSize, imageSize);
        context?.drawImage(shown.sheet, x, y, imageSize, imageSize, 0, 0, imageSize, imageSize);
        tile.dataset['painted'] = 'yes';
      }
    },
  };
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
  content.columns.forEach((column, index) =>
    context.fillText(titles[column], index * content.imageSize * scale + 4, 16),
  );
  context.imageSmoothingEnabled = false;
  context.drawImage(sheet, 0, heading, canvas.width, canvas.height - heading);
  return canvas;
}
