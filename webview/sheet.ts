/** What panels share that show a sheet of pictures, tile by tile. */
import { html } from 'lit';
import { savePng } from './host';
import type { Page, Picture } from './page';
import { tableToggle } from './panel';

interface Savable {
  readonly saveNumbers: () => void;
  readonly poster: () => HTMLCanvasElement;
  readonly step: number;
}

/** CSV of `numbers` ("the losses"), PNG and the table's toggle; nothing can be saved before there is a picture. */
export function sheetTools(page: Page, picture: Picture, numbers: string, shown: Savable | undefined) {
  const png = (of: Savable) => void savePng(of.poster(), `${page.run.manifest.runId}-${picture}-${of.step}.png`);
  return html`<button
      class="tool"
      title="Save ${numbers} as CSV"
      ?disabled=${!shown}
      @click=${() => shown?.saveNumbers()}
    >
      CSV
    </button>
    <button class="tool" title="Save the pictures as PNG" ?disabled=${!shown} @click=${() => shown && png(shown)}>
      PNG
    </button>
    ${tableToggle(page, picture)}`;
}

/** Paints each canvas, which names its row and column, with its tile of `size` px. */
export function paintTiles(tiles: Iterable<HTMLCanvasElement>, sheet: HTMLImageElement, size: number): void {
  for (const tile of tiles) {
    const x = Number(tile.dataset['column']) * size;
    const y = Number(tile.dataset['row']) * size;
    const context = tile.getContext('2d');
    context?.clearRect(0, 0, size, size);
    context?.drawImage(sheet, x, y, size, size, 0, 0, size, size);
    tile.dataset['painted'] = 'yes';
  }
}
