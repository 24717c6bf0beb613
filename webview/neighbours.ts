/** A few test images and the training images that the encoder puts nearest to them. */
import { html, nothing } from 'lit';
import type { NeighboursFile } from '../protocol/events';
import { formatMeasure, formatStep } from '../protocol/format';
import { saveCsv, savePng } from './host';
import { csv } from './numbers/csv';
import type { Page } from './page';
import { panel, tableToggle } from './panel';
import { paintTiles } from './sheet';
import { judgedBy, stepSlider, wantedOf } from './steps';
import { createTable } from './table';
import { fileName } from './words';

interface Shown {
  readonly content: NeighboursFile;
  readonly sheet: HTMLImageElement;
}

const nameOf = ({ classes }: NeighboursFile, label: number) => classes[label] ?? String(label);

export function createNeighbours(page: Page) {
  const table = createTable(page.changed);
  let shown: Shown | undefined;
  let painted: Shown | undefined;

  /** The pictures of a step as soon as they are here; until then those before them stay. */
  function look(file: string): string | undefined {
    const opened = page.files.open('neighbours', file);
    if (opened.state === 'failed') return opened.error;
    if (opened.state === 'loading') return undefined;
    const sheet = page.files.image(opened.content.png);
    if (sheet.state === 'failed') return sheet.error;
    if (sheet.state === 'ready' && shown?.sheet !== sheet.content)
      shown = { content: opened.content, sheet: sheet.content };
    return undefined;
  }

  function pictures({ content }: Shown) {
    const { tileSize } = content;
    const tile = (row: number, column: number, title: string, other: boolean) =>
      html`<canvas
        width=${tileSize}
        height=${tileSize}
        data-row=${row}
        data-column=${column}
        data-other=${other ? 'yes' : nothing}
        aria-hidden="true"
        title=${title}
      ></canvas>`;
    return html`<div class="neighbours">
      ${content.images.map(({ id, label, guess, neighbours }, row) => {
        const name = nameOf(content, label);
        const right = neighbours.filter((neighbour) => neighbour.label === label).length;
        return html`<figure>
          <figcaption>
            <span>${name}</span>
            <span>${guess === label ? 'right' : `taken for ${nameOf(content, guess)}`}</span>
          </figcaption>
          <div
            class="row"
            role="img"
            aria-label="${name}: ${right} of the ${neighbours.length} nearest are of its class"
          >
            ${tile(row, 0, `${name}, ${fileName(id)}`, false)}
            ${neighbours.map((neighbour, i) =>
              tile(
                row,
                i + 1,
                `${nameOf(content, neighbour.label)}, ${fileName(neighbour.id)}, similarity ${formatMeasure(neighbour.similarity)}`,
                neighbour.label !== label,
              ),
            )}
          </div>
        </figure>`;
      })}
    </div>`;
  }

  const pairs = ({ images }: NeighboursFile) =>
    images.flatMap((image) => image.neighbours.map((neighbour) => ({ image, neighbour })));

  function twin({ content }: Shown) {
    const all = pairs(content);
    return table({
      caption: `Nearest training images of some test images at step ${formatStep(content.step)}`,
      header: ['Test image', 'Class', 'Nearest', 'Class', 'Similarity'],
      texts: 4,
      length: all.length,
      row: (at) => {
        const { image, neighbour } = all[at]!;
        const names = [fileName(image.id), nameOf(content, image.label)];
        return [
          ...names,
          fileName(neighbour.id),
          nameOf(content, neighbour.label),
          formatMeasure(neighbour.similarity),
        ];
      },
    });
  }

  function exportCsv({ content }: Shown) {
    const rows = pairs(content).map(({ image, neighbour }) => [
      ...[content.step, image.id, nameOf(content, image.label), nameOf(content, image.guess)],
      ...[neighbour.id, nameOf(content, neighbour.label), neighbour.similarity],
    ]);
    const header = ['step', 'image', 'class', 'vote', 'neighbour', 'neighbourClass', 'similarity'];
    saveCsv(csv(header, rows), `${page.run.manifest.runId}-neighbours-${content.step}.csv`);
  }

  /** The sheet as it is: images from top to bottom, their neighbours from left to right. */
  function poster({ sheet }: Shown): HTMLCanvasElement {
    const canvas = document.createElement('canvas');
    canvas.width = sheet.naturalWidth;
    canvas.height = sheet.naturalHeight;
    canvas.getContext('2d')?.drawImage(sheet, 0, 0);
    return canvas;
  }

  return {
    /** Nothing until neighbours of a checkpoint's embeddings were looked up. */
    render() {
      const judged = judgedBy(page.run, 'knn');
      const wanted = wantedOf(page, judged);
      if (!wanted) return nothing;
      const failure = look(wanted.file);
      const png = (of: Shown) =>
        void savePng(poster(of), `${page.run.manifest.runId}-neighbours-${of.content.step}.png`);
      const tools = html`<button
          class="tool"
          title="Save the neighbours as CSV"
          ?disabled=${!shown}
          @click=${() => shown && exportCsv(shown)}
        >
          CSV
        </button>
        <button class="tool" title="Save the pictures as PNG" ?disabled=${!shown} @click=${() => shown && png(shown)}>
          PNG
        </button>
        ${tableToggle(page, 'neighbours')}`;
      const body = !shown
        ? html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`
        : html`${page.choices.tables.includes('neighbours') ? twin(shown) : pictures(shown)}
            <p class="note">
              Test images on the left, then the training images with the most similar embeddings, the most similar
              first; underlined is what is of another class. ${formatStep(shown.content.k)} neighbours vote.
            </p>`;
      return panel({
        id: 'neighbours',
        title: 'Nearest neighbours',
        tools,
        body: html`${stepSlider(page, 'nearest neighbours', judged, shown?.content.step)}
        ${failure ? html`<p class="problem" role="alert">${failure}</p>` : body}`,
      });
    },

    draw(root: ParentNode) {
      const tiles = root.querySelectorAll<HTMLCanvasElement>('.neighbours canvas');
      if (!shown || (shown === painted && tiles[0]?.dataset['painted'])) return;
      painted = shown;
      paintTiles(tiles, shown.sheet, shown.content.tileSize);
    },
  };
}
