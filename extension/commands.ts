/** The commands of the palette, menus, lenses and dashboards. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { evaluationKinds, type EvaluationKind } from '../protocol/events';
import { abilities, type Ability } from './abilities';
import type { RunPanels } from './dashboard';
import type { Discovery } from './discovery';
import type { Launcher } from './launch';
import type { RunStore, TrackedRun } from './run-store';
import { directoryOf, targetExperiment, targetRun, targetStep, type Argument } from './targets';
import { runLabel } from './run-label';
import { experimentName } from './tree-model';

export interface Services {
  readonly store: RunStore;
  readonly discovery: Discovery;
  readonly launcher: Launcher;
  readonly dashboards: RunPanels;
  readonly reports: RunPanels;
  readonly log: vscode.LogOutputChannel;
}

type Handler = (argument: Argument, selection?: unknown) => unknown;

export function registerCommands(services: Services, subscriptions: vscode.Disposable[]): vscode.Disposable {
  const { store, discovery, launcher, dashboards, reports, log } = services;
  const evaluate = (kind?: EvaluationKind) => async (argument: Argument, named: unknown) => {
    const tracked = await need(store, argument, 'evaluate');
    if (!tracked) return;
    const { evaluateRun } = await import('./evaluate');
    const asked = kind ?? evaluationKinds.find((known) => known === named);
    await evaluateRun(services, tracked, targetStep(argument), asked);
  };

  const handlers: Record<string, Handler> = {
    newExperiment: async (argument) => {
      const { newExperiment } = await import('./new-experiment');
      await newExperiment(argument);
    },
    pretrain: (argument) => pretrain(services, argument),
    evaluate: evaluate(),
    knn: evaluate('knn'),
    probe: evaluate('probe'),
    cluster: evaluate('cluster'),
    finetune: evaluate('finetune'),
    pause: async (argument) => {
      const tracked = await need(store, argument, 'pause');
      if (tracked) await store.request(tracked.directory, 'pause', null);
    },
    resume: (argument) => resume(services, argument),
    resumeOnCpu: (argument) => resumeOnCpu(services, argument),
    stop: async (argument) => {
      const tracked = await need(store, argument, 'stop');
      if (tracked) await store.request(tracked.directory, 'stop', null);
    },
    checkpoint: async (argument) => {
      const tracked = await need(store, argument, 'checkpoint');
      if (tracked) await store.request(tracked.directory, 'checkpoint', null);
    },
    openDashboard: async (argument) => {
      const tracked = await need(store, argument);
      if (tracked) dashboards.open(tracked.directory);
    },
    openReport: async (argument) => {
      const tracked = await need(store, argument);
      if (tracked) reports.open(tracked.directory, { step: targetStep(argument) });
    },
    revealRunFolder: async (argument) => {
      const directory = directoryOf(store, argument) ?? (await need(store, argument))?.directory;
      if (directory === undefined) return;
      const folder = vscode.Uri.file(directory);
      // A remote editor has no file manager beside it; there the Explorer shows the folder.
      const command =
        vscode.env.uiKind === vscode.UIKind.Web || vscode.env.remoteName ? 'revealInExplorer' : 'revealFileInOS';
      await vscode.commands.executeCommand(command, folder);
    },
    deleteRun: (argument, selection) => deleteRuns(store, argument, selection),
    doctor: async () => {
      const { doctor } = await import('./doctor');
      await doctor(launcher, subscriptions);
    },
    installTensorflow: async () => {
      const { installTensorflow } = await import('./install-engine');
      await installTensorflow(launcher, log);
    },
    refresh: () => Promise.all([discovery.scan(), store.refresh()]),
  };

  const guarded = (handler: Handler) => async (argument: Argument, selection?: unknown) => {
    try {
      await handler(argument, selection);
    } catch (error) {
      log.error(error instanceof Error ? error : String(error));
      const openLog = vscode.l10n.t('Open Log');
      const message = error instanceof Error ? error.message : String(error);
      if ((await vscode.window.showErrorMessage(`Tessera: ${message}`, openLog)) === openLog) log.show();
    }
  };
  return vscode.Disposable.from(
    ...Object.entries(handlers).map(([name, handler]) =>
      vscode.commands.registerCommand(`tessera.${name}`, guarded(handler)),
    ),
  );
}

/** The run that the command is for; says so when there is none that can do it. */
async function need(store: RunStore, argument: Argument, ability?: Ability): Promise<TrackedRun | undefined> {
  const tracked = await targetRun(store, argument, ability);
  if (tracked && (ability === undefined || abilities(tracked)[ability])) return tracked;
  // Undefined without an argument may also be a quick pick that was closed: then there is nothing to say.
  const some = [...store.runs.values()].some((run) => ability === undefined || abilities(run)[ability]);
  if (tracked || argument !== undefined || !some) void vscode.window.showInformationMessage(nothingTo(ability));
  return undefined;
}

function nothingTo(ability?: Ability): string {
  switch (ability) {
    case 'pause':
      return vscode.l10n.t('Nothing trains that could be paused.');
    case 'resume':
      return vscode.l10n.t('There is no paused, stopped or crashed run to resume.');
    case 'resumeOnCpu':
      return vscode.l10n.t('There is no stopped or crashed run of a GPU to resume.');
    case 'stop':
      return vscode.l10n.t('Nothing is at work that could be stopped.');
    case 'checkpoint':
      return vscode.l10n.t('Nothing trains of which a checkpoint could be written.');
    case 'evaluate':
      return vscode.l10n.t('There is no checkpoint to judge yet; pretrain first.');
    default:
      return vscode.l10n.t('There is no run yet; pretrain first.');
  }
}

async function pretrain(services: Services, argument: Argument): Promise<void> {
  const { store, discovery, launcher, dashboards } = services;
  const configFile = await targetExperiment(store, argument);
  if (configFile === undefined) return void (await vscode.commands.executeCommand('tessera.newExperiment'));
  // The trainer reads the file, so what is on the screen must be in it.
  const document = vscode.workspace.textDocuments.find(({ fileName }) => fileName === configFile);
  if (document?.isDirty && !(await document.save())) return;

  // Another window may have started it a moment ago.
  await discovery.look(configFile);
  const working = store.runsOf(configFile).filter(({ alive }) => alive);
  const live = working.find(({ run }) => run.job !== 'evaluate');
  if (live) {
    const open = vscode.l10n.t('Open Dashboard');
    const another = vscode.l10n.t('Start Another');
    const chosen = await vscode.window.showWarningMessage(
      vscode.l10n.t(
        '{0} is already training: the run of {1}.',
        experimentName(configFile),
        runLabel(live.run.manifest.createdAt),
      ),
      open,
      another,
    );
    if (chosen === open) dashboards.open(live.directory);
    if (chosen !== another) return;
  }
  const title = vscode.l10n.t('starting {0}...', experimentName(configFile));
  const tracked = await launcher.launch(
    title,
    ['pretrain', configFile, ...(working.length > 0 ? ['--again'] : [])],
    configFile,
  );
  if (tracked) dashboards.open(tracked.directory, { preserveFocus: true });
}

async function resume({ store, launcher }: Services, argument: Argument): Promise<void> {
  const tracked = await need(store, argument, 'resume');
  if (!tracked) return;
  if (tracked.alive) return void (await store.request(tracked.directory, 'resume', null));
  const title = vscode.l10n.t('resuming {0}...', experimentName(tracked.configFile));
  await launcher.launch(title, ['resume', tracked.directory], tracked.configFile);
}

async function resumeOnCpu({ store, launcher }: Services, argument: Argument): Promise<void> {
  const tracked = await need(store, argument, 'resumeOnCpu');
  if (!tracked) return;
  const title = vscode.l10n.t('resuming {0} on the CPU...', experimentName(tracked.configFile));
  await launcher.launch(title, ['resume', tracked.directory, '--device', 'cpu'], tracked.configFile);
}

async function deleteRuns(store: RunStore, argument: Argument, selection: unknown): Promise<void> {
  const several = Array.isArray(selection) ? (selection as Argument[]) : [argument];
  const named = [...new Set(several.map((one) => directoryOf(store, one)).filter((one) => one !== undefined))];
  const chosen =
    named.length > 0 ? named : [(await need(store, argument, 'delete'))?.directory].filter((one) => one !== undefined);
  if (chosen.length === 0 || (await refuseLive(chosen))) return;
  const first = store.runs.get(chosen[0]!);
  const what =
    chosen.length > 1
      ? vscode.l10n.t('Delete {0} runs with their checkpoints?', chosen.length)
      : vscode.l10n.t(
          'Delete the run of {0} with its checkpoints?',
          first ? runLabel(first.run.manifest.createdAt) : chosen[0]!,
        );
  const move = vscode.l10n.t('Move to Trash');
  const ids = chosen.map((directory) => basename(directory)).join(', ');
  const detail = vscode.l10n.t('{0}. You can bring it back from the trash.', ids);
  if ((await vscode.window.showWarningMessage(what, { modal: true, detail }, move)) !== move) return;
  // It may have been resumed while the question stood.
  if (await refuseLive(chosen)) return;
  for (const directory of chosen) await trash(store, directory);
}

/** Asks the disk, not what was last seen: another window or a terminal may have started it. */
async function refuseLive(directories: readonly string[]): Promise<boolean> {
  const { liveOwner } = await import('../client');
  const owners = await Promise.all(directories.map(liveOwner));
  if (owners.every((owner) => owner === undefined)) return false;
  void vscode.window.showWarningMessage(vscode.l10n.t('A run at work cannot be deleted; stop it first.'));
  return true;
}

async function trash(store: RunStore, directory: string): Promise<void> {
  const folder = vscode.Uri.file(directory);
  try {
    await vscode.workspace.fs.delete(folder, { recursive: true, useTrash: true });
  } catch (error) {
    // Remote machines often have no trash; that is no leave to delete for good without asking.
    const forGood = vscode.l10n.t('Delete Permanently');
    const detail = vscode.l10n.t('It could not be moved to the trash: {0}', (error as Error).message);
    const question = vscode.l10n.t('Delete {0} permanently?', directory);
    if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, forGood)) !== forGood) return;
    await vscode.workspace.fs.delete(folder, { recursive: true, useTrash: false });
  }
  store.removeRun(directory);
}
