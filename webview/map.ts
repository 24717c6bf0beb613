/** The t-SNE map of embeddings, on a plain 2D canvas: no WebGL, so it works where there is none. */
import { html, nothing } from 'lit';
import type { EmbeddingFile } from '../protocol/events';
import { formatNumber, formatStep } from '../protocol/format';
import { saveCsv, savePng } from './host';
import { icon } from './icons';
import { categoryStyle, drawMap, toPlane, toScreen } from './map-canvas';
import type { Viewport } from './map-canvas';
import { csv } from './numbers/csv';
import { extent, pointAt, pointTowards } from './numbers/plane';
import type { Direction } from './numbers/plane';
import type { Page } from './page';
import { panel, tableToggle } from './panel';
import { stepSlider, wantedOf } from './steps';
import { createTable } from './table';
import type { Theme } from './theme';
import { fileName, firstComes } from './words';

const whole: Viewport = { zoom: 1, x: 0, y: 0 };

export function createMap(page: Page) {
  const table = createTable(page.changed);
  let shown: EmbeddingFile | undefined;
  let viewport = whole;
  /** Largest of all maps seen, so that the axes stay where they are while the step moves. */
  let radius = 0;
  let hovered = -1;
  let selected = -1;
  /** The one group that is shown in colour, when a person has picked one in the legend. */
  let isolated: number | undefined;
  let dragging: { x: number; y: number } | undefined;

  function look(file: string): string | undefined {
    const opened = page.files.open('embedding', file);
    if (opened.state === 'failed') return opened.error;
    if (opened.state === 'ready' && opened.content !== shown) {
      shown = opened.content;
      radius = Math.max(radius, extent(shown.points));
      if (selected >= shown.ids.length) selected = -1;
      hovered = -1;
    }
    return undefined;
  }

  const byLabel = (map: EmbeddingFile) => page.choices.colourBy === 'label' && map.labels !== undefined;
  const groupOf = (map: EmbeddingFile, index: number) =>
    (byLabel(map) ? map.labels?.[index] : map.clusters[index]) ?? 0;
  const groupName = (map: EmbeddingFile, group: number) =>
    byLabel(map) ? (map.classes?.[group] ?? `class ${group}`) : `cluster ${group + 1}`;
  const visible = (map: EmbeddingFile) => (index: number) => isolated === undefined || groupOf(map, index) === isolated;

  function labelOf(map: EmbeddingFile, index: number): string | undefined {
    const label = map.labels?.[index];
    return label === undefined ? undefined : (map.classes?.[label] ?? `class ${label}`);
  }

  const canvasOf = (event: Event) => event.currentTarget as HTMLCanvasElement;

  function hover(event: PointerEvent) {
    if (!shown) return;
    const canvas = canvasOf(event);
    if (dragging) {
      const perPixel = (2 * radius) / (Math.min(canvas.clientWidth, canvas.clientHeight) * viewport.zoom);
      viewport = {
        ...viewport,
        x: viewport.x - (event.offsetX - dragging.x) * perPixel,
        y: viewport.y + (event.offsetY - dragging.y) * perPixel,
      };
      dragging = { x: event.offsetX, y: event.offsetY };
    } else {
      const at = toPlane(canvas, viewport, radius, event.offsetX, event.offsetY);
      hovered = pointAt(shown.points, at.x, at.y, 10 * at.perPixel, visible(shown));
    }
    page.changed();
  }

  function zoomBy(factor: number) {
    const zoom = Math.min(40, Math.max(1, viewport.zoom * factor));
    viewport = zoom === 1 ? whole : { ...viewport, zoom };
    page.changed();
  }

  function wheel(event: WheelEvent) {
    // The wheel alone scrolls the page.
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const canvas = canvasOf(event);
    const before = toPlane(canvas, viewport, radius, event.offsetX, event.offsetY);
    zoomBy(Math.exp(-event.deltaY / 300));
    const after = toPlane(canvas, viewport, radius, event.offsetX, event.offsetY);
    if (viewport.zoom > 1)
      viewport = { ...viewport, x: viewport.x + before.x - after.x, y: viewport.y + before.y - after.y };
  }

  function keydown(event: KeyboardEvent) {
    if (!shown || event.ctrlKey || event.metaKey || event.altKey) return;
    const map = shown;
    const towards = (direction: Direction) => () => {
      selected =
        selected < 0
          ? pointAt(map.points, viewport.x, viewport.y, Infinity, visible(map))
          : pointTowards(map.points, selected, direction, visible(map));
    };
    const action = {
      ArrowLeft: towards('left'),
      ArrowRight: towards('right'),
      ArrowUp: towards('up'),
      ArrowDown: towards('down'),
      Escape: () => (selected = -1),
      '+': () => zoomBy(1.5),
      '=': () => zoomBy(1.5),
      '-': () => zoomBy(1 / 1.5),
      '0': () => (viewport = whole),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
    page.changed();
  }

  function legend(map: EmbeddingFile, theme: Theme) {
    const groups = [...new Set(map.ids.map((_, index) => groupOf(map, index)))].sort((a, b) => a - b);
    return html`<ul class="legend" aria-label="Legend: press one to see it alone">
      ${groups.map((group) => {
        const { colour, shape } = categoryStyle(theme, group);
        return html`<li>
          <button
            class="tool"
            aria-pressed=${isolated === group}
            @click=${() => {
              isolated = isolated === group ? undefined : group;
              page.changed();
            }}
          >
            <svg width="10" height="10" viewBox="-5 -5 10 10" aria-hidden="true">
              <path d=${shape.svg} fill=${colour}></path>
            </svg>
            ${groupName(map, group)}
          </button>
        </li>`;
      })}
    </ul>`;
  }

  function card(map: EmbeddingFile, index: number) {
    const label = labelOf(map, index);
    return html`<div class="card" data-point=${index}>
      <canvas width=${map.thumbnailSize} height=${map.thumbnailSize} aria-hidden="true"></canvas>
      <div>
        ${label ? html`<strong>${label}</strong>` : nothing}
        <span>cluster ${(map.clusters[index] ?? 0) + 1}</span>
        <span class="muted">${fileName(map.ids[index] ?? '')}</span>
      </div>
    </div>`;
  }

  /** Read out when a point is chosen by key. */
  function spoken(map: EmbeddingFile): string {
    if (selected < 0) return '';
    const label = labelOf(map, selected);
    const cluster = `cluster ${(map.clusters[selected] ?? 0) + 1}`;
    return `${label ? `${label}, ` : ''}${cluster}, ${fileName(map.ids[selected] ?? '')}`;
  }

  function picture(map: EmbeddingFile, theme: Theme) {
    const index = hovered >= 0 ? hovered : selected;
    const what = byLabel(map) ? 'label' : 'cluster';
    return html`<div class="map">
        <canvas
          class="points"
          tabindex="0"
          role="application"
          aria-roledescription="scatter plot"
          aria-label="t-SNE map of ${map.ids.length} images at step ${map.step}, coloured by ${what}. Arrow keys
            go from point to point, plus and minus zoom, 0 resets, Escape leaves the point."
          @pointermove=${hover}
          @pointerleave=${() => {
            hovered = -1;
            page.changed();
          }}
          @pointerdown=${(event: PointerEvent) => {
            dragging = { x: event.offsetX, y: event.offsetY };
            canvasOf(event).setPointerCapture(event.pointerId);
            selected = hovered;
            page.changed();
          }}
          @pointerup=${() => (dragging = undefined)}
          @pointercancel=${() => (dragging = undefined)}
          @dblclick=${() => {
            viewport = whole;
            page.changed();
          }}
          @wheel=${wheel}
          @keydown=${keydown}
        ></canvas>
        ${index >= 0 ? card(map, index) : nothing}
        <span class="sr-only" role="status">${spoken(map)}</span>
      </div>
      ${legend(map, theme)}`;
  }

  function facts(map: EmbeddingFile) {
    return html`<dl class="facts">
      <div>
        <dt>images</dt>
        <dd>${formatStep(map.ids.length)}</dd>
      </div>
      <div>
        <dt>perplexity</dt>
        <dd>${map.perplexity}</dd>
      </div>
      <div>
        <dt>seed</dt>
        <dd>${map.seed}</dd>
      </div>
      <div>
        <dt>started from</dt>
        <dd>
          ${map.startedFrom === undefined ? 'principal components' : `${map.startedFrom === map.step ? 'an earlier map of step' : 'the map of step'} ${formatStep(map.startedFrom)}`}
        </dd>
      </div>
      <div>
        <dt>iterations</dt>
        <dd>${formatStep(map.iterations)}</dd>
      </div>
      <div>
        <dt>KL divergence</dt>
        <dd>${formatNumber(map.kl)}</dd>
      </div>
      <div>
        <dt>trustworthiness</dt>
        <dd>${formatNumber(map.trustworthiness)}</dd>
      </div>
    </dl>`;
  }

  const rowOf = (map: EmbeddingFile, index: number) =>
    [
      labelOf(map, index) ?? '',
      (map.clusters[index] ?? 0) + 1,
      map.points[2 * index],
      map.points[2 * index + 1],
    ] as const;

  function exportCsv(map: EmbeddingFile) {
    const rows = map.ids.map((id, index) => [id, ...rowOf(map, index)]);
    saveCsv(csv(['image', 'label', 'cluster', 'x', 'y'], rows), `${page.run.manifest.runId}-embedding-${map.step}.csv`);
  }

  function twin(map: EmbeddingFile) {
    return table({
      caption: `t-SNE coordinates at step ${formatStep(map.step)}`,
      header: ['Image', 'Label', 'Cluster', 'x', 'y'],
      texts: 2,
      length: map.ids.length,
      row: (index) => {
        const [label, cluster, x, y] = rowOf(map, index);
        return [fileName(map.ids[index] ?? ''), label, String(cluster), formatNumber(x ?? NaN), formatNumber(y ?? NaN)];
      },
      ...(selected >= 0 ? { current: selected } : {}),
    });
  }

  function tools(root: () => ParentNode) {
    const map = shown;
    const colourBy = map?.labels
      ? html`<select
          aria-label="Colour by"
          title="What the colours tell apart"
          @change=${(event: Event) => {
            isolated = undefined;
            page.choose({ colourBy: (event.target as HTMLSelectElement).value === 'label' ? 'label' : 'cluster' });
          }}
        >
          <option value="label" ?selected=${page.choices.colourBy === 'label'}>by label</option>
          <option value="cluster" ?selected=${page.choices.colourBy === 'cluster'}>by cluster</option>
        </select>`
      : nothing;
    const save = () => {
      const canvas = root().querySelector<HTMLCanvasElement>('.map .points');
      if (canvas && map) void savePng(onGround(canvas), `${page.run.manifest.runId}-embedding-${map.step}.png`);
    };
    return html`${colourBy}
      <button class="tool" aria-label="Zoom in" title="Zoom in (+)" @click=${() => zoomBy(1.5)}>
        ${icon('zoomIn')}
      </button>
      <button
        class="tool"
        aria-label="Zoom out"
        title="Zoom out (−)"
        ?disabled=${viewport.zoom === 1}
        @click=${() => zoomBy(1 / 1.5)}
      >
        ${icon('zoomOut')}
      </button>
      <button class="tool" title="Save the coordinates as CSV" ?disabled=${!map} @click=${() => map && exportCsv(map)}>
        CSV
      </button>
      <button class="tool" title="Save the map as PNG" ?disabled=${!map} @click=${save}>PNG</button>
      ${tableToggle(page, 'embedding')}`;
  }

  return {
    render(theme: Theme, root: () => ParentNode) {
      const { embeddings } = page.run;
      if (embeddings.length === 0) {
        const body = html`<p class="empty">
          ${firstComes(page.run, 'The first map of the embeddings', 'embedEvery')}
        </p>`;
        return panel({ id: 'embedding', title: 'Embedding map', body });
      }
      const wanted = wantedOf(page, embeddings) ?? { step: 0, file: '' };
      const failure = look(wanted.file);
      const asTable = page.choices.tables.includes('embedding');
      const body = failure
        ? html`<p class="problem" role="alert">${failure}</p>`
        : shown
          ? html`${asTable ? twin(shown) : picture(shown, theme)} ${facts(shown)}`
          : html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`;
      return panel({
        id: 'embedding',
        title: 'Embedding map',
        tools: tools(root),
        body: html`${stepSlider(page, 'embedding map', embeddings, shown?.step)} ${body}`,
      });
    },

    draw(root: ParentNode, theme: Theme) {
      const canvas = root.querySelector<HTMLCanvasElement>('.map .points');
      if (!canvas || !shown) return;
      const map = shown;
      const sheet = page.files.image(map.sheet);
      const marked = hovered >= 0 ? hovered : selected;
      drawMap(canvas, theme, {
        points: map.points,
        viewport,
        radius,
        group: (index) => groupOf(map, index),
        visible: visible(map),
        marked,
      });
      const holder = root.querySelector<HTMLElement>('.map .card');
      if (!holder || marked < 0) return;
      const thumbnail = holder.querySelector('canvas')?.getContext('2d');
      const size = map.thumbnailSize;
      thumbnail?.clearRect(0, 0, size, size);
      if (sheet.state === 'ready') {
        const left = (marked % map.columns) * size;
        const top = Math.floor(marked / map.columns) * size;
        thumbnail?.drawImage(sheet.content, left, top, size, size, 0, 0, size, size);
      }
      const at = toScreen(canvas, viewport, radius, map.points[2 * marked] ?? 0, map.points[2 * marked + 1] ?? 0);
      // Beside the point, on the side where there is room.
      const left = at.x > canvas.clientWidth / 2 ? at.x - holder.offsetWidth - 12 : at.x + 12;
      const top = at.y > canvas.clientHeight / 2 ? at.y - holder.offsetHeight - 12 : at.y + 12;
      holder.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    },
  };
}

/** A copy with the page's background behind it: points alone would be lost on a viewer's white or black. */
function onGround(canvas: HTMLCanvasElement): HTMLCanvasElement {
  const sheet = document.createElement('canvas');
  sheet.width = canvas.width;
  sheet.height = canvas.height;
  const context = sheet.getContext('2d') as CanvasRenderingContext2D;
  context.fillStyle = getComputedStyle(document.body).backgroundColor;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(canvas, 0, 0);
  return sheet;
}
