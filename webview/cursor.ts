/** The one step cursor: drag it, step it with the arrow keys, play it, or let it follow the newest step. */
import { html, nothing, svg } from 'lit';
import { formatStep } from '../protocol/format';
import { icon } from './icons';
import { neighbour } from './numbers/nearest';
import { cursorStep, loggedSteps, moveCursor, pictureSteps } from './page';
import type { Page } from './page';

/** Slow enough to see each picture, quick enough to see them move. */
const framesPerSecond = 4;

export function createCursor(page: Page) {
  let timer: ReturnType<typeof setInterval> | undefined;

  function stop() {
    clearInterval(timer);
    timer = undefined;
  }

  function play() {
    if (timer !== undefined) {
      stop();
      page.changed();
      return;
    }
    const steps = pictureSteps(page.run);
    const last = steps.at(-1) ?? 0;
    if (cursorStep(page) >= last) page.choose({ cursor: steps[0] ?? 'live' });
    timer = setInterval(() => {
      const here = cursorStep(page);
      const next = neighbour(pictureSteps(page.run), here, 1);
      if (next === here) stop();
      else if (page.choices.cursor !== next) page.choose({ cursor: next });
      page.changed();
    }, 1000 / framesPerSecond);
    page.changed();
  }

  /** Arrows go from picture to picture; with shift, from row to row. */
  function move(direction: 1 | -1, rows: boolean, times = 1) {
    const pictures = pictureSteps(page.run);
    const steps = rows || pictures.length < 2 ? loggedSteps(page.run) : pictures;
    let step = cursorStep(page);
    for (let i = 0; i < times; i++) step = neighbour(steps, step, direction);
    if (step !== cursorStep(page)) page.choose({ cursor: step });
  }

  function keydown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = {
      ArrowLeft: () => move(-1, event.shiftKey),
      ArrowDown: () => move(-1, event.shiftKey),
      ArrowRight: () => move(1, event.shiftKey),
      ArrowUp: () => move(1, event.shiftKey),
      PageDown: () => move(-1, event.shiftKey, 10),
      PageUp: () => move(1, event.shiftKey, 10),
      Home: () => moveCursor(page, 0),
      End: () => page.choose({ cursor: 'live' }),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    stop();
    action();
  }

  /** Where there are pictures (long marks) and checkpoints (short ones). */
  function marks() {
    const { run } = page;
    const share = (step: number) => (1000 * step) / Math.max(1, run.step);
    const mark = (step: number, name: string, top: number) =>
      svg`<line class=${name} x1=${share(step)} x2=${share(step)} y1=${top} y2="8"></line>`;
    return html`<svg class="marks" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">
      ${run.pictures.map(({ step }) => mark(step, 'pictures', 4))}
      ${run.embeddings.map(({ step }) => mark(step, 'embedding', 0))}
      ${run.checkpoints.map(({ step }) => mark(step, 'checkpoint', 0))}
    </svg>`;
  }

  return {
    /** Keys that nothing on the page has taken move the cursor too. */
    pageKeydown(event: KeyboardEvent): void {
      const target = event.target as HTMLElement;
      if (event.defaultPrevented || target.closest('input, select, textarea, .points, .table-scroll, .notices')) return;
      if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) keydown(event);
    },

    render() {
      const { run, choices } = page;
      if (run.step === 0) return nothing;
      const step = cursorStep(page);
      const live = choices.cursor === 'live';
      const playing = timer !== undefined;
      const name = live ? `step ${formatStep(step)}, following the newest` : `step ${formatStep(step)}`;
      return html`<footer class="cursor" role="group" aria-label="Step cursor">
        <button
          class="action"
          title=${playing ? 'Stop playing' : 'Play the pictures from here'}
          ?disabled=${pictureSteps(run).length < 2}
          @click=${play}
        >
          ${icon(playing ? 'pause' : 'play')}<span>${playing ? 'Hold' : 'Play'}</span>
        </button>
        <div class="track">
          ${marks()}
          <input
            type="range"
            min="0"
            max=${run.step}
            step="1"
            .value=${String(step)}
            aria-label="Step of everything on the page"
            aria-valuetext=${name}
            @keydown=${keydown}
            @input=${(event: Event) => {
              stop();
              moveCursor(page, Number((event.target as HTMLInputElement).value));
            }}
          />
        </div>
        <output class="number">step ${formatStep(step)}</output>
        <button
          class="action live"
          aria-pressed=${live}
          title="Follow the newest step (End)"
          @click=${() => page.choose({ cursor: live ? step : 'live' })}
        >
          ${page.liveStatus === 'running' ? 'Live' : 'Newest'}
        </button>
      </footer>`;
    },
  };
}
