/** What the encoder puts together: the clusters of the test images, each by its images nearest to the centre. */
import { html, nothing } from 'lit';
import { formatMeasure, formatPercent, formatStep } from '../protocol/format';
import type { ClusterFile } from '../protocol/events';
import { saveCsv } from './host';
import { csv } from './numbers/csv';
import type { Page } from './page';
import { panel } from './panel';
import { paintTiles, sheetTools } from './sheet';
import { judgedBy, stepSlider, wantedOf } from './steps';
import { createTable } from './table';
import { fileName } from './words';

type Cluster = ClusterFile['clusters'][number];

interface Shown {
  readonly content: ClusterFile;
  readonly sheet: HTMLImageElement;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

const nameOf = ({ classes }: ClusterFile, label: number) => classes[label] ?? `class ${label}`;

/** "10 circle, 2 ring": classes by their number, the most first. */
function composition(content: ClusterFile, counts: readonly number[], most: number): string {
  const present = [...counts.entries()].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  const named = present.slice(0, most).map(([label, count]) => `${formatStep(count)} ${nameOf(content, label)}`);
  return [...named, ...(present.length > most ? [`${present.length - most} more`] : [])].join(', ');
}

function shownCounts({ classes }: ClusterFile, { images }: Cluster): number[] {
  return classes.map((_, label) => images.filter((image) => image.label === label).length);
}

/** "circle, 81% right", of the class that it was matched with. */
function purity(content: ClusterFile, { match, counts }: Cluster): string {
  if (match === undefined) return 'matched with no class';
  return `${nameOf(content, match)}, ${formatPercent((counts[match] ?? 0) / Math.max(1, sum(counts)), 0)} right`;
}

export function createClusters(page: Page) {
  const table = createTable(page.changed);
  let shown: Shown | undefined;
  let painted: Shown | undefined;

  /** The picture of a step as soon as it is here; until then the one before it stays. */
  function look(file: string): string | undefined {
    const opened = page.files.open('clusters', file);
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
    return html`<div class="clusters table-scroll" tabindex="0" role="region" aria-label="Clusters">
      ${content.clusters.map((cluster, row) => {
        const nearest = composition(content, shownCounts(content, cluster), Infinity);
        return html`<figure>
          <figcaption>
            <span>cluster ${row + 1}: ${purity(content, cluster)}</span>
            <span class="number">${formatStep(sum(cluster.counts))} images</span>
          </figcaption>
          <div
            class="row"
            role="img"
            aria-label="Nearest to the centre of cluster ${row + 1}: ${nearest || 'no image'}"
          >
            ${cluster.images.map(
              ({ id, label, distance }, column) =>
                html`<canvas
                  width=${tileSize}
                  height=${tileSize}
                  data-row=${row}
                  data-column=${column}
                  aria-hidden="true"
                  data-other=${label === cluster.match ? nothing : 'yes'}
                  title="${nameOf(content, label)}, ${fileName(id)}, ${formatMeasure(distance)} from the centre"
                ></canvas>`,
            )}
          </div>
        </figure>`;
      })}
    </div>`;
  }

  const note = html`<p class="note">
    Test images by k-means on their embeddings, those nearest to each centre first. Each class is matched with one
    cluster at most, so that most images are right; underlined is what is of another class than its cluster's.
  </p>`;

  function exportCsv({ content }: Shown) {
    const rows = content.clusters.map(({ match, counts }, i) => {
      return [content.step, i + 1, match === undefined ? '' : nameOf(content, match), sum(counts), ...counts];
    });
    saveCsv(
      csv(['step', 'cluster', 'match', 'images', ...content.classes], rows),
      `${page.run.manifest.runId}-clusters-${content.step}.csv`,
    );
  }

  function twin({ content }: Shown) {
    const { clusters, step } = content;
    return table({
      caption: `Clusters of the test images at step ${formatStep(step)}`,
      header: ['Cluster', 'Matched with', 'Images by class', 'Nearest to the centre', 'Images'],
      texts: 4,
      length: clusters.length,
      row: (index) => {
        const cluster = clusters[index]!;
        return [
          String(index + 1),
          cluster.match === undefined ? 'none' : nameOf(content, cluster.match),
          composition(content, cluster.counts, 3),
          composition(content, shownCounts(content, cluster), 3),
          formatStep(sum(cluster.counts)),
        ];
      },
    });
  }

  const savable = (of: Shown) => ({
    saveNumbers: () => exportCsv(of),
    poster: () => poster(of),
    step: of.content.step,
  });

  return {
    /** Nothing until a checkpoint was judged by its clusters. */
    render() {
      const judged = judgedBy(page.run, 'cluster');
      const wanted = wantedOf(page, judged);
      if (!wanted) return nothing;
      const failure = look(wanted.file);
      const asTable = page.choices.tables.includes('clusters');
      const tools = sheetTools(page, 'clusters', 'the classes of each cluster', shown && savable(shown));
      const picture = shown
        ? html`${asTable ? twin(shown) : pictures(shown)} ${note}`
        : html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`;
      return panel({
        id: 'clusters',
        title: 'Clusters',
        tools,
        body: html`${stepSlider(page, 'clusters', judged, shown?.content.step)}
        ${failure ? html`<p class="problem" role="alert">${failure}</p>` : picture}`,
      });
    },

    draw(root: ParentNode) {
      const tiles = root.querySelectorAll<HTMLCanvasElement>('.clusters canvas');
      if (!shown || (shown === painted && tiles[0]?.dataset['painted'])) return;
      painted = shown;
      paintTiles(tiles, shown.sheet, shown.content.tileSize);
    },
  };
}

/** The sheet with the name of each cluster above its row, enlarged without smoothing so that pixels stay pixels. */
function poster({ content, sheet }: Shown): HTMLCanvasElement {
  const tile = content.tileSize * Math.max(1, Math.round(64 / content.tileSize));
  const heading = 24;
  const canvas = document.createElement('canvas');
  canvas.width = content.columns * tile;
  canvas.height = content.clusters.length * (tile + heading);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const style = getComputedStyle(document.body);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = style.color;
  context.font = `12px ${style.fontFamily}`;
  context.imageSmoothingEnabled = false;
  content.clusters.forEach((cluster, row) => {
    const top = row * (tile + heading);
    context.fillText(`cluster ${row + 1}: ${purity(content, cluster)}, ${sum(cluster.counts)} images`, 4, top + 16);
    cluster.images.forEach((_, column) => {
      const [x, y] = [column * content.tileSize, row * content.tileSize];
      const { tileSize } = content;
      context.drawImage(sheet, x, y, tileSize, tileSize, column * tile, top + heading, tile, tile);
    });
  });
  return canvas;
}
