/** What a terminal shows of a run: a bar where there is one, plain lines elsewhere, or JSON for programs. */
import { SingleBar } from 'cli-progress';
import type { FeedUpdate } from '../../client/index';
import type { Evaluation, RunEvent } from '../../protocol/events';
import {
  formatComparison,
  formatDuration,
  formatEvaluation,
  formatMeasures,
  formatMetric,
  formatNumber,
  formatStep,
  formatTraffic,
  secondsLeft,
} from '../../protocol/format';
import { latest, type Run } from '../../protocol/run';

export interface Output {
  update(update: FeedUpdate): void;
  /** Plain words, not for `--json`. */
  say(text: string): void;
  end(): void;
}

export function createOutput(json: boolean): Output {
  if (json) {
    return {
      update: ({ events }) => events.forEach((event) => process.stdout.write(`${JSON.stringify(event)}\n`)),
      say: () => {},
      end: () => {},
    };
  }
  return process.stdout.isTTY ? barOutput() : lineOutput();
}

/** A log does not need a line for each row of metrics. */
const LINE_MS = 2000;

function lineOutput(): Output {
  let last = 0;
  const say = (text: string) => void process.stdout.write(`${printable(text)}\n`);
  return {
    update: ({ run, events }) => {
      for (const event of events) {
        if (event.type === 'metrics' || event.type === 'evaluating') continue;
        const line = eventLine(event, run);
        if (line) say(line);
      }
      const progress = events.findLast((event) => event.type === 'metrics' || event.type === 'evaluating');
      const done = run.step >= run.totalSteps;
      if (!progress || (Date.now() - last < LINE_MS && !done)) return;
      last = Date.now();
      if (run.evaluating) say(evaluatingLine(run.evaluating));
      else if (run.job === 'pretrain') say(trainingLine(run));
    },
    say,
    end: () => {},
  };
}

function barOutput(): Output {
  const bar = new SingleBar({
    format: '{bar} {percentage}% | {text}',
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    linewrap: false,
    forceRedraw: true,
  });
  let shown = false;
  const say = (text: string) => {
    if (shown) bar.stop();
    shown = false;
    process.stdout.write(`${printable(text)}\n`);
  };
  const show = (done: number, total: number, words: string) => {
    const text = printable(words);
    if (shown) {
      bar.setTotal(total);
      bar.update(done, { text });
    } else bar.start(total, done, { text });
    shown = true;
  };
  return {
    update: ({ run, events, alive }) => {
      for (const event of events) {
        const line = eventLine(event, run);
        if (line) say(line);
      }
      if (!alive) return;
      if (run.evaluating) show(Math.round(run.evaluating.done * 1000), 1000, run.evaluating.message);
      else if (run.step < run.totalSteps) show(run.step, run.totalSteps, trainingLine(run));
    },
    say,
    end: () => {
      if (shown) bar.stop();
    },
  };
}

function trainingLine(run: Run): string {
  const loss = latest(run, 'train/loss');
  const speed = latest(run, 'perf/images_per_second');
  const left = secondsLeft(run);
  return [
    `step ${formatStep(run.step)}/${formatStep(run.totalSteps)}`,
    ...(loss === undefined ? [] : [`loss ${formatNumber(loss)}`]),
    ...(speed === undefined ? [] : [formatMetric('perf/images_per_second', speed)]),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
  ].join(' | ');
}

function evaluatingLine({ done, message }: NonNullable<Run['evaluating']>): string {
  return `${Math.round(done * 100)}% | ${message}`;
}

/** What is worth a line of its own. */
function eventLine(event: RunEvent, { job }: Run): string | undefined {
  switch (event.type) {
    case 'launched': {
      const from = event.fromStep > 0 ? `, from step ${formatStep(event.fromStep)}` : '';
      const traffic = event.traffic ? `, ${formatTraffic(event.traffic)}` : '';
      return `${event.engine}${from}${traffic}${event.fallback ? `\nwarning: ${event.fallback}` : ''}`;
    }
    case 'status':
      // An evaluation ends by stating the run's old status again.
      if (job === 'evaluate' && !event.reason) return undefined;
      if (event.status === 'running') return event.reason;
      return event.reason ? `${event.status}: ${event.reason}` : event.status;
    case 'notice':
      return event.level === 'info' ? event.message : `${event.level}: ${event.message}`;
    case 'metrics': {
      const knn = event.values['eval/knn_top1'];
      return knn === undefined
        ? undefined
        : `step ${formatStep(event.step)}: kNN ${formatMetric('eval/knn_top1', knn)}`;
    }
    case 'evaluation':
      return evaluationLine(event.step, event.evaluation);
    default:
      return undefined;
  }
}

export function evaluationLine(step: number, evaluation: Evaluation): string {
  const found = [formatComparison(evaluation), formatMeasures(evaluation)].filter((text) => text !== '');
  return `${formatEvaluation(evaluation)} @ step ${formatStep(step)}: ${found.join('; ')}`;
}

/**
 * Text from a run directory or of a file's name, safe to print: a terminal obeys control characters, and those that
 * turn the direction of writing hide what is there. They are shown by their codes; line ends and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** Columns aligned, two spaces between. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
