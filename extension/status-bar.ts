/** One item while something trains: what, how far, and how long still. */
import * as vscode from 'vscode';
import {
  formatDuration,
  formatEvaluation,
  formatPercent,
  formatProgress,
  formatStep,
  secondsLeft,
} from '../protocol/format';
import type { RunStore, TrackedRun } from './run-store';
import { runTable } from './scores';
import { experimentName } from './tree-model';

export function registerStatusBar(store: RunStore): vscode.Disposable {
  const item = vscode.window.createStatusBarItem('tessera.live', vscode.StatusBarAlignment.Left, 10);
  item.name = 'Tessera';
  const show = () => {
    const live = [...store.runs.values()].filter(({ alive }) => alive);
    const first = live[0];
    if (!first) return item.hide();
    const text = statusText(live);
    if (item.text !== text) item.text = text;
    item.tooltip = new vscode.MarkdownString(live.map(runTable).join('\n\n'));
    item.command =
      live.length === 1
        ? { command: 'tessera.openDashboard', title: 'Open Dashboard', arguments: [first.directory] }
        : { command: 'tessera.runs.focus', title: 'Show Runs' };
    item.show();
  };
  return vscode.Disposable.from(item, store.onDidChange(show));
}

function statusText(live: readonly TrackedRun[]): string {
  const [first, ...others] = live;
  if (!first) return '';
  const { run, liveStatus, configFile } = first;
  if (others.length > 0) return `$(loading~spin) Tessera: ${vscode.l10n.t('{0} runs at work', live.length)}`;
  const name = experimentName(configFile);
  if (run.evaluating)
    return `$(loading~spin) ${name}: ${formatEvaluation({ kind: run.evaluating.kind, labels: 1 })} ${formatPercent(run.evaluating.done, 0)}`;
  if (liveStatus === 'paused') return `$(debug-pause) ${name} ${formatStep(run.step)}/${formatStep(run.totalSteps)}`;
  if (run.totalSteps === 0) return `$(loading~spin) ${name}: ${formatProgress(run, true)}`;
  const left = secondsLeft(run);
  const eta = left === undefined ? '' : ` · ${vscode.l10n.t('{0} left', formatDuration(left))}`;
  return `$(loading~spin) ${name} ${formatStep(run.step)}/${formatStep(run.totalSteps)}${eta}`;
}
