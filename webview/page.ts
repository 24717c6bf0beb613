/** What the page knows: the run from the host, and what the person looking at it chose. */
import { applyEvent } from '../protocol/run';
import type { DashboardState, LiveStatus, RunFiles, ToDashboard } from '../protocol/messages';
import type { Run } from '../protocol/run';
import { createFiles } from './files';
import type { Files } from './files';
import { remember, remembered, send } from './host';
import { nearestIndex, union } from './numbers/nearest';

export type Picture = 'curves' | keyof RunFiles;

/** Survives a reload of the window. */
export interface Choices {
  /** The step that the whole page stands on; 'live' is the newest. */
  readonly cursor: number | 'live';
  /** Share of the past in the smoothed curves, in [0, 1). */
  readonly smoothing: number;
  /** Visible steps of the curves; null for all. */
  readonly range: readonly [number, number] | null;
  /** Metric keys on a logarithmic axis. */
  readonly log: readonly string[];
  /** Pictures shown as their table. */
  readonly tables: readonly Picture[];
  readonly colourBy: 'label' | 'cluster';
  /** Of what the heat map of corruptions tells. */
  readonly accuracy: 'score' | 'baseline' | 'difference';
}

const defaults: Choices = {
  cursor: 'live',
  smoothing: 0.6,
  range: null,
  log: [],
  tables: [],
  colourBy: 'label',
  accuracy: 'score',
};

export interface Page {
  readonly state: DashboardState | undefined;
  readonly run: Run;
  readonly liveStatus: LiveStatus;
  /** The evaluation under way; one whose process has died is none. */
  readonly evaluating: Run['evaluating'];
  /** Why the run directory cannot be read any more. */
  readonly lost: string | undefined;
  readonly choices: Choices;
  readonly files: Files;
  readonly choose: (choices: Partial<Choices>) => void;
  readonly receive: (message: ToDashboard) => void;
  /** Asks for a new frame. */
  readonly changed: () => void;
}

export function createPage(changed: () => void): Page {
  let state: DashboardState | undefined;
  let lost: string | undefined;
  let choices: Choices = { ...defaults, ...remembered().choices };
  const files = createFiles(changed, () => state?.baseUri ?? '');

  function keep() {
    if (state) remember({ runDirectory: state.runDirectory, choices });
  }

  function receive(message: ToDashboard) {
    switch (message.type) {
      case 'snapshot': {
        const known = state?.runDirectory ?? remembered().runDirectory;
        if (known !== undefined && known !== message.state.runDirectory) choices = defaults;
        state = message.state;
        lost = undefined;
        files.clear();
        keep();
        break;
      }
      case 'events': {
        lost = undefined;
        if (!state) {
          send({ type: 'ready' });
          break;
        }
        // A row that never came would leave the page wrong for good; a new snapshot heals it.
        const first = message.events[0];
        if (first && first.seq > state.run.seq + 1) send({ type: 'ready' });
        // A resumed run writes the files of its replaced steps anew.
        if (message.events.some((event) => event.type === 'launched' && event.job === 'pretrain')) files.clear();
        const run = message.events.reduce(applyEvent, state.run);
        state = { ...state, run, liveStatus: message.liveStatus, alive: message.alive };
        break;
      }
      case 'go':
        choices = { ...choices, cursor: message.step };
        keep();
        break;
      case 'lost':
        lost = message.message;
        break;
      default:
        files.receive(message);
    }
    changed();
  }

  return {
    get state() {
      return state;
    },
    get run() {
      if (!state) throw new Error('the page has no run before its first snapshot');
      return state.run;
    },
    get liveStatus() {
      return state?.liveStatus ?? 'interrupted';
    },
    get evaluating() {
      return state?.alive ? state.run.evaluating : undefined;
    },
    get lost() {
      return lost;
    },
    get choices() {
      return choices;
    },
    files,
    choose(some) {
      choices = { ...choices, ...some };
      keep();
      changed();
    },
    receive,
    changed,
  };
}

/** Every step at which a metric row was logged. */
export function loggedSteps(run: Run): readonly number[] {
  const longest = Object.values(run.metrics).reduce(
    (best, series) => (series.steps.length > best.length ? series.steps : best),
    [] as readonly number[],
  );
  return longest;
}

/** Every step that has a picture or a checkpoint: what the arrow keys visit. */
export function pictureSteps(run: Run): number[] {
  return union([run.pictures, run.embeddings, run.checkpoints].map((list) => list.map(({ step }) => step)));
}

/** The step that the page stands on. */
export function cursorStep({ run, choices }: Page): number {
  return choices.cursor === 'live' ? run.step : Math.min(choices.cursor, run.step);
}

/** Puts the cursor on the logged step nearest to `step`. */
export function moveCursor(page: Page, step: number): void {
  const steps = union([loggedSteps(page.run), pictureSteps(page.run)]);
  page.choose({ cursor: steps[nearestIndex(steps, step)] ?? 'live' });
}

export function toggled<T>(list: readonly T[], item: T): T[] {
  return list.includes(item) ? list.filter((other) => other !== item) : [...list, item];
}
