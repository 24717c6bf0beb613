/** The run explorer as data: experiments, their runs, their checkpoints. Pure. */
import { basename } from 'node:path';
import {
  formatBytes,
  formatEvaluation,
  formatFigure,
  formatMeasure,
  formatNumber,
  formatProgress,
  formatStep,
  measureName,
} from '../protocol/format';
import type { LiveStatus } from '../protocol/messages';
import type { Evaluation } from '../protocol/events';
import { latest, standingWarnings, type ScoredCheckpoint } from '../protocol/run';
import { abilities, contextValue } from './abilities';
import { runLabel } from './run-label';
import type { RunStore, TrackedRun } from './run-store';
import { escapeMarkdown } from '../protocol/markdown';
import { bestLoss, evaluatingText, runTable, scoresTable } from './scores';

export type Node =
  | { readonly kind: 'experiment'; readonly configFile: string }
  | { readonly kind: 'run'; readonly directory: string }
  | { readonly kind: 'checkpoint'; readonly directory: string; readonly step: number }
  | { readonly kind: 'broken'; readonly directory: string };

export interface NodeLook {
  readonly label: string;
  readonly description: string;
  /** A codicon and the theme colour that it takes. */
  readonly icon: readonly [name: string, color?: string];
  readonly contextValue: string;
  readonly expandable: boolean;
  /** For screen readers: what the icon says. */
  readonly spoken: string;
}

export type StoreView = Pick<RunStore, 'experiments' | 'runs' | 'broken' | 'runsOf'>;

export function nodeId(node: Node): string {
  switch (node.kind) {
    case 'experiment':
      return `experiment:${node.configFile}`;
    case 'checkpoint':
      return `checkpoint:${node.directory}:${node.step}`;
    default:
      return `${node.kind}:${node.directory}`;
  }
}

export function children(store: StoreView, node?: Node): Node[] {
  switch (node?.kind) {
    case undefined: {
      // A run whose config file was deleted or renamed keeps its experiment.
      const files = new Set([...store.experiments, ...[...store.runs.values()].map(({ configFile }) => configFile)]);
      return [
        ...[...files].sort().map((configFile): Node => ({ kind: 'experiment', configFile })),
        ...[...store.broken.keys()].sort().map((directory): Node => ({ kind: 'broken', directory })),
      ];
    }
    case 'experiment':
      return store.runsOf(node.configFile).map(({ directory }): Node => ({ kind: 'run', directory }));
    case 'run': {
      const steps = store.runs.get(node.directory)?.run.checkpoints.map(({ step }) => step) ?? [];
      return steps.sort((a, b) => b - a).map((step): Node => ({ kind: 'checkpoint', directory: node.directory, step }));
    }
    default:
      return [];
  }
}

export function parent(store: StoreView, node: Node): Node | undefined {
  if (node.kind === 'checkpoint') return { kind: 'run', directory: node.directory };
  if (node.kind !== 'run') return undefined;
  const tracked = store.runs.get(node.directory);
  return tracked && { kind: 'experiment', configFile: tracked.configFile };
}

/** Undefined for a node that is gone. */
export function look(store: StoreView, node: Node): NodeLook | undefined {
  if (node.kind === 'experiment') return experimentLook(store, node.configFile);
  if (node.kind === 'broken') {
    return {
      label: basename(node.directory),
      description: 'cannot be read',
      icon: ['warning', 'list.warningForeground'],
      contextValue: 'broken',
      expandable: false,
      spoken: `${basename(node.directory)}, a run that cannot be read`,
    };
  }
  const tracked = store.runs.get(node.directory);
  if (!tracked) return undefined;
  return node.kind === 'run' ? runLook(tracked) : checkpointLook(tracked, node.step);
}

/** "mae-small" of "/photos/mae-small.tessera.jsonc". */
export function experimentName(configFile: string): string {
  return basename(configFile).replace(/\.tessera\.jsonc$/, '');
}

function experimentLook(store: StoreView, configFile: string): NodeLook {
  const runs = store.runsOf(configFile);
  const exists = store.experiments.has(configFile);
  const live = runs.filter(({ alive }) => alive).length;
  const losses = runs.map(({ run }) => bestLoss(run)).filter((loss) => loss !== undefined);
  const description = [
    ...(exists ? [] : ['config file is gone']),
    runs.length === 0 ? 'no runs yet' : runs.length === 1 ? '1 run' : `${runs.length} runs`,
    ...(losses.length > 0 ? [`best loss ${formatNumber(losses.reduce((a, b) => (a < b ? a : b)))}`] : []),
  ].join(' · ');
  const label = experimentName(configFile);
  return {
    label,
    description,
    icon: [exists ? 'beaker' : 'beaker-stop'],
    contextValue: exists ? 'experiment exists' : 'experiment',
    expandable: runs.length > 0,
    spoken: `Experiment ${label}, ${description}${live > 0 ? `, ${live} at work` : ''}`,
  };
}

const statusIcons: Record<LiveStatus, readonly [string, string?]> = {
  running: ['loading~spin', 'charts.blue'],
  paused: ['debug-pause', 'charts.yellow'],
  finished: ['pass', 'testing.iconPassed'],
  failed: ['error', 'testing.iconFailed'],
  stopped: ['stop-circle'],
  interrupted: ['debug-disconnect', 'list.warningForeground'],
  crashed: ['zap', 'list.warningForeground'],
};

export function statusIcon({ run, alive, liveStatus }: TrackedRun): readonly [string, string?] {
  return alive && run.evaluating ? statusIcons.running : statusIcons[liveStatus];
}

/** The icon says the status; what is left of the line is for the numbers. */
function progress({ run, liveStatus }: TrackedRun): string {
  if (liveStatus === 'running') return formatProgress(run, true);
  const loss = latest(run, 'train/loss');
  const steps = formatStep(run.step);
  return [
    ...(loss === undefined ? [] : [`loss ${formatNumber(loss)}`]),
    liveStatus === 'finished' ? `${steps} steps` : `${steps}/${formatStep(run.totalSteps)}`,
  ].join(' · ');
}

function runLook(tracked: TrackedRun): NodeLook {
  const { run, alive, liveStatus } = tracked;
  const collapsing = standingWarnings(run).length > 0;
  const doing = alive && run.evaluating ? evaluatingText(run.evaluating) : progress(tracked);
  const description = collapsing ? `${doing} · collapse warning` : doing;
  return {
    label: runLabel(run.manifest.createdAt),
    description,
    icon: statusIcon(tracked),
    contextValue: contextValue('run', abilities(tracked)),
    expandable: run.checkpoints.length > 0,
    spoken: `Run of ${runLabel(run.manifest.createdAt)}, ${liveStatus}, ${description}`,
  };
}

function scoresOfCheckpoint({ run }: TrackedRun, step: number): ScoredCheckpoint[] {
  return run.evaluations.filter((score) => score.step === step);
}

/** The figure to remember an evaluation by. */
function headline({ comparison, measures = {} }: Evaluation): string {
  if (comparison) return formatFigure(comparison.metric, comparison.score.value);
  const [first] = Object.entries(measures);
  return first ? `${measureName(first[0])} ${formatMeasure(first[1].score, first[0])}` : '';
}

function checkpointLook(tracked: TrackedRun, step: number): NodeLook | undefined {
  const checkpoint = tracked.run.checkpoints.find((c) => c.step === step);
  if (!checkpoint) return undefined;
  const scores = scoresOfCheckpoint(tracked, step);
  const { evaluating } = tracked.run;
  const busy = tracked.alive && evaluating?.step === step;
  const description = busy
    ? evaluatingText(evaluating)
    : scores.length > 0
      ? scores
          .slice(-4)
          .map(({ evaluation }) => `${formatEvaluation(evaluation)} ${headline(evaluation)}`)
          .join(' · ')
      : formatBytes(checkpoint.bytes);
  return {
    label: `step ${formatStep(step)}`,
    description,
    icon: busy ? statusIcons.running : [scores.length > 0 ? 'verified' : 'save'],
    contextValue: contextValue('checkpoint', abilities(tracked)),
    expandable: false,
    spoken: `Checkpoint of step ${formatStep(step)}, ${description}`,
  };
}

/** Markdown; made only when asked for. */
export function tooltip(store: StoreView, node: Node): string | undefined {
  if (node.kind === 'experiment') return escapeMarkdown(node.configFile);
  if (node.kind === 'broken') return escapeMarkdown(store.broken.get(node.directory) ?? node.directory);
  const tracked = store.runs.get(node.directory);
  if (!tracked) return undefined;
  if (node.kind === 'run') {
    const scores = [...tracked.run.evaluations].reverse();
    return [runTable(tracked), ...(scores.length > 0 ? [scoresTable(scores)] : [])].join('\n\n');
  }
  const scores = scoresOfCheckpoint(tracked, node.step);
  return scores.length > 0 ? scoresTable(scores) : 'Not judged yet: probe or fine-tune it from its context menu.';
}
