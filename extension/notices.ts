/**
 * A word when a run that was at work ends badly, when its representation collapses, and when a suite has come to its report;
 * the rest is seen where the eye is.
 */
import * as vscode from 'vscode';
import type { RunEvent } from '../protocol/events';
import { standingWarnings } from '../protocol/run';
import { abilities } from './abilities';
import type { RunPanels } from './dashboard';
import type { RunStore, TrackedRun } from './run-store';
import { experimentName } from './tree-model';

export function registerNotices(store: RunStore, dashboards: RunPanels, reports: RunPanels): vscode.Disposable {
  // What had happened before the window opened is old news.
  const since = Date.now();
  const working = new Set<string>();
  return store.onDidChange((change) => {
    if (change.kind !== 'run') return;
    const { tracked, events } = change;
    const written = events.some(({ type, time }) => type === 'report' && time > since);
    if (written && !reports.opened.get(tracked.directory)?.visible) void tellReport(tracked);
    if (tracked.alive) {
      if (working.has(tracked.directory)) warnOf(tracked, events);
      working.add(tracked.directory);
    } else if (working.delete(tracked.directory) && ['failed', 'crashed'].includes(tracked.liveStatus)) {
      // A dashboard in sight says it already, with the same next step.
      if (!dashboards.opened.get(tracked.directory)?.visible) void tell(tracked);
    }
  });

  function warnOf(tracked: TrackedRun, events: readonly RunEvent[]) {
    const came = events.filter((event) => event.type === 'notice' && event.level === 'warning' && event.cause);
    const [first, ...others] = standingWarnings(tracked.run);
    // A dashboard in sight says it already, and others are further signs of what was told.
    if (came.length === 0 || !first || dashboards.opened.get(tracked.directory)?.visible) return;
    if (others.length < came.length) void tellOfCollapse(tracked, first.message);
  }

  async function tellOfCollapse({ directory, configFile }: TrackedRun, message: string): Promise<void> {
    const open = vscode.l10n.t('Open Dashboard');
    const config = vscode.l10n.t('Open Config');
    const text = vscode.l10n.t('{0} may be learning nothing. {1}', experimentName(configFile), message);
    const chosen = await vscode.window.showWarningMessage(`Tessera: ${text}`, open, config);
    if (chosen === open) dashboards.open(directory);
    if (chosen === config) await vscode.window.showTextDocument(vscode.Uri.file(configFile));
  }
}

async function tellReport({ directory, configFile, run }: TrackedRun): Promise<void> {
  const open = vscode.l10n.t('Open Report');
  const left = run.report?.leftOut.length ?? 0;
  const message = vscode.l10n.t('{0} was judged.', experimentName(configFile));
  const gaps = left > 0 ? ` ${vscode.l10n.t('{0} evaluations could not be done; the report says why.', left)}` : '';
  const chosen = await vscode.window.showInformationMessage(`Tessera: ${message}${gaps}`, open);
  if (chosen === open) await vscode.commands.executeCommand('tessera.openReport', directory);
}

async function tell(tracked: TrackedRun): Promise<void> {
  const { directory, configFile, run, liveStatus } = tracked;
  const name = experimentName(configFile);
  const crashed = liveStatus === 'crashed';
  const resume = vscode.l10n.t('Resume');
  const onCpu = vscode.l10n.t('Resume on the CPU');
  const openLog = vscode.l10n.t('Open Log');
  const message = crashed
    ? vscode.l10n.t('{0} ended without a word at step {1}. Its checkpoints are safe.', name, run.step)
    : vscode.l10n.t('{0} failed: {1}', name, run.reason?.split('\n')[0] ?? '');
  const ways = [...(crashed ? [resume] : []), ...(abilities(tracked).resumeOnCpu ? [onCpu] : []), openLog];
  const chosen = await vscode.window.showErrorMessage(`Tessera: ${message}`, ...ways);
  if (chosen === onCpu) await vscode.commands.executeCommand('tessera.resumeOnCpu', directory);
  if (chosen === resume) await vscode.commands.executeCommand('tessera.resume', directory);
  if (chosen === openLog) {
    const { logPath } = await import('../client');
    await vscode.window.showTextDocument(vscode.Uri.file(logPath(directory)));
  }
}
