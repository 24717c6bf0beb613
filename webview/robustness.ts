/** How the encoder bears corrupted images: accuracy by corruption and severity, with an example of each. */
import { html, nothing } from 'lit';
import { corruptionName, formatDifference, formatPercent, formatStep } from '../protocol/format';
import type { CorruptionGroup, RobustnessFile } from '../protocol/events';
import { saveCsv } from './host';
import { csv } from './numbers/csv';
import { cellTowards, fullness, scaleOf, type Cell } from './numbers/heat';
import type { Choices, Page } from './page';
import { panel } from './panel';
import { paintTiles, sheetTools } from './sheet';
import { judgedBy, stepSlider, wantedOf } from './steps';
import { createTable } from './table';

type Corruption = RobustnessFile['corruptions'][number];

interface Shown {
  readonly content: RobustnessFile;
  readonly sheet: HTMLImageElement;
}

const groups: Readonly<Record<CorruptionGroup, string>> = {
  noise: 'Noise',
  blur: 'Blur',
  weather: 'Weather',
  digital: 'Digital',
};

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const differences = ({ scores, baselines }: Corruption) => scores.map((score, i) => score - baselines[i]!);

const valuesOf = (what: Choices['accuracy'], corruption: Corruption) =>
  what === 'score' ? corruption.scores : what === 'baseline' ? corruption.baselines : differences(corruption);

const text = (what: Choices['accuracy'], value: number) =>
  what === 'difference' ? formatDifference('accuracy', value) : (100 * value).toFixed(1);

/** "shot noise, severity 3: 51.2%, random init 30.1%, +21.1 points" */
function spoken({ severities, corruptions }: RobustnessFile, { row, column }: Cell): string {
  const { name, scores, baselines } = corruptions[row]!;
  const [score, baseline] = [scores[column]!, baselines[column]!];
  const difference = `${formatDifference('accuracy', score - baseline)} points`;
  return `${corruptionName(name)}, severity ${severities[column]}: ${formatPercent(score)}, random init ${formatPercent(baseline)}, ${difference}`;
}

export function createRobustness(page: Page) {
  const table = createTable(page.changed);
  let shown: Shown | undefined;
  let painted: string | undefined;
  /** Where the keyboard is, and where the pointer: the latter is looked at first. */
  let focused: Cell = { row: 0, column: 0 };
  let hovered: Cell | undefined;

  /** The picture of a step as soon as it is here; until then the one before it stays. */
  function look(file: string): string | undefined {
    const opened = page.files.open('robustness', file);
    if (opened.state === 'failed') return opened.error;
    if (opened.state === 'loading') return undefined;
    const sheet = page.files.image(opened.content.png);
    if (sheet.state === 'failed') return sheet.error;
    if (sheet.state === 'ready' && shown?.sheet !== sheet.content) {
      shown = { content: opened.content, sheet: sheet.content };
      // Another evaluation may have fewer of them.
      hovered = undefined;
      focused = { row: 0, column: opened.content.severities.length - 1 };
    }
    return undefined;
  }

  function move(cell: Cell | undefined, of: 'focused' | 'hovered') {
    if (of === 'hovered') hovered = cell;
    else if (cell) focused = cell;
    page.changed();
  }

  function keydown(event: KeyboardEvent, { severities, corruptions }: RobustnessFile) {
    const to = cellTowards(event.key, focused, { rows: corruptions.length, columns: severities.length });
    if (!to) return;
    event.preventDefault();
    hovered = undefined;
    const cells = (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[data-full]');
    cells[to.row * severities.length + to.column]?.focus();
  }

  function heatMap(content: RobustnessFile) {
    const { severities, corruptions, clean } = content;
    const what = page.choices.accuracy;
    const all = corruptions.flatMap((corruption) => valuesOf(what, corruption));
    // Both encoders on one scale, so that the eye may go from one to the other; differences from 0.
    const scale =
      what === 'difference'
        ? { low: 0, high: Math.max(1e-9, ...all.map(Math.abs)) }
        : scaleOf([...corruptions.flatMap(({ scores, baselines }) => [...scores, ...baselines]), clean.score]);
    const tone = (value: number) => (what === 'difference' && value < 0 ? 'less' : 'more');
    const full = (value: number) => fullness(what === 'difference' ? Math.abs(value) : value, scale).toFixed(3);
    const row = (corruption: Corruption, index: number) => {
      const values = valuesOf(what, corruption);
      return html`<tr>
        <th scope="row" class="text">${corruptionName(corruption.name)}</th>
        ${values.map((value, column) => {
          const cell = { row: index, column };
          return html`<td
            role="gridcell"
            tabindex=${focused.row === index && focused.column === column ? 0 : -1}
            data-full=${full(value)}
            data-tone=${tone(value)}
            aria-label=${spoken(content, cell)}
            @focus=${() => move(cell, 'focused')}
            @pointerenter=${() => move(cell, 'hovered')}
          >
            ${text(what, value)}
          </td>`;
        })}
        <td role="gridcell" class="mean">${text(what, mean(values))}</td>
      </tr>`;
    };
    const present = (Object.keys(groups) as CorruptionGroup[]).filter((group) =>
      corruptions.some((corruption) => corruption.group === group),
    );
    return html`<table
      class="heat"
      role="grid"
      aria-label="${titles[what]} by corruption and severity"
      @keydown=${(event: KeyboardEvent) => keydown(event, content)}
      @pointerleave=${() => move(undefined, 'hovered')}
    >
      <caption>
        ${caption(what, content)}
      </caption>
      <thead>
        <tr>
          <th scope="col" class="text">Severity</th>
          ${severities.map((severity) => html`<th scope="col">${severity}</th>`)}
          <th scope="col">mean</th>
        </tr>
      </thead>
      ${present.map(
        (group) =>
          html`<tbody>
            <tr>
              <th scope="rowgroup" class="text group" colspan=${severities.length + 2}>${groups[group]}</th>
            </tr>
            ${corruptions.map((corruption, index) => (corruption.group === group ? row(corruption, index) : nothing))}
          </tbody>`,
      )}
    </table>`;
  }

  function example({ content }: Shown) {
    const { row, column } = hovered ?? focused;
    const { tileSize } = content;
    const tile = (of: number) =>
      html`<canvas width=${tileSize} height=${tileSize} data-row=${row} data-column=${of} aria-hidden="true"></canvas>`;
    return html`<figure class="example">
      ${tile(0)} ${tile(column + 1)}
      <figcaption>One of the images as it is, and with ${spoken(content, { row, column })}</figcaption>
    </figure>`;
  }

  const note = html`<p class="note">
    Accuracy of a linear classifier that was fitted on clean images, on the same test images corrupted: the fuller the
    colour, the more. Frost is drawn, not photographed.
  </p>`;

  function exportCsv({ content }: Shown) {
    const { step, severities, corruptions } = content;
    const rows = corruptions.flatMap(({ name, group, scores, baselines }) =>
      severities.map((severity, i) => [step, name, group, severity, scores[i], baselines[i]]),
    );
    const clean = [step, 'clean', '', 0, content.clean.score, content.clean.baseline];
    saveCsv(
      csv(['step', 'corruption', 'group', 'severity', 'accuracy', 'randomInit'], [clean, ...rows]),
      `${page.run.manifest.runId}-robustness-${step}.csv`,
    );
  }

  function twin({ content }: Shown) {
    const { corruptions, severities, step } = content;
    const what = page.choices.accuracy;
    return table({
      caption: `${caption(what, content)}, at step ${formatStep(step)}`,
      header: ['Corruption', 'Group', ...severities.map((severity) => `Severity ${severity}`), 'Mean'],
      texts: 2,
      length: corruptions.length,
      row: (index) => {
        const corruption = corruptions[index]!;
        const values = valuesOf(what, corruption);
        const { name, group } = corruption;
        return [corruptionName(name), group, ...[...values, mean(values)].map((value) => text(what, value))];
      },
    });
  }

  const chooser = () =>
    html`<label
      >Show
      <select
        @change=${(event: Event) =>
          page.choose({ accuracy: (event.target as HTMLSelectElement).value as Choices['accuracy'] })}
      >
        ${(Object.keys(titles) as Choices['accuracy'][]).map(
          (what) => html`<option value=${what} ?selected=${page.choices.accuracy === what}>${titles[what]}</option>`,
        )}
      </select></label
    >`;

  const savable = (of: Shown) => ({
    saveNumbers: () => exportCsv(of),
    poster: () => poster(of),
    step: of.content.step,
  });

  return {
    /** Nothing until a checkpoint was judged on corrupted images. */
    render() {
      const judged = judgedBy(page.run, 'robustness');
      const wanted = wantedOf(page, judged);
      if (!wanted) return nothing;
      const failure = look(wanted.file);
      const asTable = page.choices.tables.includes('robustness');
      const picture = shown
        ? html`${asTable ? twin(shown) : html`${heatMap(shown.content)} ${example(shown)}`} ${note}`
        : html`<p class="empty" role="status">Loading step ${formatStep(wanted.step)}…</p>`;
      return panel({
        id: 'robustness',
        title: 'Robustness',
        tools: html`${chooser()} ${sheetTools(page, 'robustness', 'the accuracies', shown && savable(shown))}`,
        body: html`${stepSlider(page, 'robustness', judged, shown?.content.step)}
        ${failure ? html`<p class="problem" role="alert">${failure}</p>` : picture}`,
      });
    },

    draw(root: ParentNode) {
      const tiles = root.querySelectorAll<HTMLCanvasElement>('.example canvas');
      if (!shown || tiles.length === 0) return;
      for (const cell of root.querySelectorAll<HTMLElement>('.heat [data-full]'))
        cell.style.setProperty('--full', cell.dataset['full']!);
      const { row, column } = hovered ?? focused;
      const looks = `${shown.content.png} ${row} ${column}`;
      if (looks === painted && tiles[0]?.dataset['painted']) return;
      painted = looks;
      paintTiles(tiles, shown.sheet, shown.content.tileSize);
    },
  };
}

const titles: Readonly<Record<Choices['accuracy'], string>> = {
  score: 'accuracy',
  baseline: 'random init',
  difference: 'difference',
};

function caption(what: Choices['accuracy'], { clean, testImages }: RobustnessFile): string {
  const images = `${formatStep(testImages)} test images`;
  if (what === 'score') return `Accuracy in %, on ${images}; ${formatPercent(clean.score)} when clean`;
  if (what === 'baseline')
    return `Accuracy of a random-init encoder in %, on ${images}; ${formatPercent(clean.baseline)} when clean`;
  const difference = formatDifference('accuracy', clean.score - clean.baseline);
  return `Points above a random-init encoder, on ${images}; ${difference} when clean`;
}

/** The sheet with the accuracy below each tile, enlarged without smoothing so that pixels stay pixels. */
function poster({ content, sheet }: Shown): HTMLCanvasElement {
  const { tileSize, severities, corruptions, clean } = content;
  const tile = tileSize * Math.max(1, Math.round(64 / tileSize));
  const [names, line] = [140, 20];
  const canvas = document.createElement('canvas');
  canvas.width = names + (severities.length + 1) * tile;
  canvas.height = line + corruptions.length * (tile + line);
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const style = getComputedStyle(document.body);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = style.color;
  context.font = `12px ${style.fontFamily}`;
  context.imageSmoothingEnabled = false;
  ['clean', ...severities].forEach((what, column) => context.fillText(String(what), names + column * tile + 4, 14));
  corruptions.forEach(({ name, scores }, row) => {
    const top = line + row * (tile + line);
    context.fillText(corruptionName(name), 4, top + tile / 2);
    [clean.score, ...scores].forEach((score, column) => {
      const left = names + column * tile;
      context.drawImage(sheet, column * tileSize, row * tileSize, tileSize, tileSize, left, top, tile, tile);
      context.fillText(formatPercent(score), left + 4, top + tile + 14);
    });
  });
  return canvas;
}
