/** Which experiment or run a command is for: what was clicked, else the open config, else a question. */
import * as vscode from 'vscode';
import { formatProgress } from '../protocol/format';
import { abilities, type Ability } from './abilities';
import { isConfig } from './config/selector';
import type { RunStore, TrackedRun } from './run-store';
import { runLabel } from './run-label';
import { experimentName, statusIcon, type Node } from './tree-model';

/**
 * What commands are called with: a tree node (and the whole selection after it), a path from a lens or another
 * extension (a run directory or a config file), a `Uri` from an editor's title, or nothing from the palette.
 */
export type Argument = Node | string | vscode.Uri | undefined;

export async function targetExperiment(store: RunStore, argument: Argument): Promise<string | undefined> {
  const named = experimentOf(store, argument) ?? activeConfig();
  if (named !== undefined) return named;
  const files = [...store.experiments].sort();
  if (files.length < 2) return files[0];
  const picked = await vscode.window.showQuickPick(
    files.map((file) => ({ label: experimentName(file), description: vscode.workspace.asRelativePath(file), file })),
    { placeHolder: vscode.l10n.t('Which experiment?') },
  );
  return picked?.file;
}

/** The newest run that can do `ability` of what was named; asks when nothing was named and there are several. */
export async function targetRun(
  store: RunStore,
  argument: Argument,
  ability?: Ability,
): Promise<TrackedRun | undefined> {
  const fits = (tracked: TrackedRun) => ability === undefined || abilities(tracked)[ability];
  const directory = directoryOf(store, argument);
  if (directory !== undefined) return store.runs.get(directory);
  const experiment = experimentOf(store, argument) ?? activeConfig();
  const ofExperiment = experiment === undefined ? [] : store.runsOf(experiment).filter(fits);
  if (ofExperiment.length > 0 || argument !== undefined) return ofExperiment[0];
  const all = [...store.runs.values()].filter(fits).sort((a, b) => b.run.manifest.createdAt - a.run.manifest.createdAt);
  if (all.length < 2) return all[0];
  const picked = await vscode.window.showQuickPick(
    all.map((tracked) => ({
      label: `$(${statusIcon(tracked)[0]}) ${runLabel(tracked.run.manifest.createdAt)}`,
      description: experimentName(tracked.configFile),
      detail: formatProgress(tracked.run, tracked.liveStatus === 'running'),
      tracked,
    })),
    { placeHolder: vscode.l10n.t('Which run?') },
  );
  return picked?.tracked;
}

/** The checkpoint that was clicked, if one was. */
export function targetStep(argument: Argument): number | undefined {
  return isNode(argument) && argument.kind === 'checkpoint' ? argument.step : undefined;
}

export function directoryOf(store: RunStore, argument: Argument): string | undefined {
  if (isNode(argument)) return argument.kind === 'experiment' ? undefined : argument.directory;
  return typeof argument === 'string' && (store.runs.has(argument) || store.broken.has(argument))
    ? argument
    : undefined;
}

function experimentOf(store: RunStore, argument: Argument): string | undefined {
  if (isNode(argument)) {
    return argument.kind === 'experiment' ? argument.configFile : store.runs.get(argument.directory)?.configFile;
  }
  if (argument instanceof vscode.Uri) return argument.fsPath;
  if (argument === undefined) return undefined;
  return store.runs.get(argument)?.configFile ?? argument;
}

function activeConfig(): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document && isConfig(document) ? document.fileName : undefined;
}

function isNode(argument: Argument): argument is Node {
  return typeof argument === 'object' && 'kind' in argument;
}
