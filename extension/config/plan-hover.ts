/** What the training will cost, on the batch size: counted and measured while the hover says that it loads. */
import { basename, dirname } from 'node:path';
import { findNodeAtLocation } from 'jsonc-parser';
import * as vscode from 'vscode';
import { escapeMarkdown, markdownTable } from '../../protocol/markdown';
import { planRows, type Plan } from '../../protocol/plan';
import { parseExperiment, parseTree } from '../../protocol/validate';
import type { Launcher } from '../launch';
import type { RunStore } from '../run-store';
import { configSelector } from './selector';

export function registerPlanHover(launcher: Launcher, store: RunStore): vscode.Disposable {
  const plans = createPlans(launcher);
  return vscode.languages.registerHoverProvider(configSelector, {
    async provideHover(document, position, token) {
      const range = batchSizeRange(document);
      // What does not hold together has its problems said already; images are only looked for where they may be.
      if (!range?.contains(position) || !vscode.workspace.isTrusted) return undefined;
      if (!parseExperiment(document.getText()).ok) return undefined;
      const planned = await plans(document, token);
      if (planned === undefined || token.isCancellationRequested) return undefined;
      const beside = [...store.runs.values()].some(({ alive }) => alive)
        ? vscode.l10n.t('Measured beside a run that is under way, so slower than alone.')
        : '';
      return new vscode.Hover(new vscode.MarkdownString([planned, beside].join('\n\n')), range);
    },
  });
}

/** Of `"batchSize": 64` in the block `pretrain`. */
function batchSizeRange(document: vscode.TextDocument): vscode.Range | undefined {
  const tree = parseTree(document.getText());
  const property = tree && findNodeAtLocation(tree, ['pretrain', 'batchSize'])?.parent;
  if (!property) return undefined;
  return new vscode.Range(document.positionAt(property.offset), document.positionAt(property.offset + property.length));
}

/** A plan of each version of a document, as Markdown; undefined when nobody waits for it any more. */
function createPlans(launcher: Launcher) {
  const known = new WeakMap<vscode.TextDocument, { readonly version: number; readonly text: string }>();
  return async (document: vscode.TextDocument, token: vscode.CancellationToken): Promise<string | undefined> => {
    const { version, fileName } = document;
    const kept = known.get(document);
    if (kept?.version === version) return kept.text;
    const ended = new AbortController();
    token.onCancellationRequested(() => ended.abort());
    try {
      const output = await launcher.script('tessera.mjs', ['plan', fileName, '--stdin', '--json'], {
        input: document.getText(),
        cwd: dirname(fileName),
        signal: ended.signal,
      });
      const text = planPage(basename(fileName), JSON.parse(output) as Plan);
      known.set(document, { version, text });
      return text;
    } catch (error) {
      return ended.signal.aborted ? undefined : escapeMarkdown((error as Error).message);
    }
  };
}

function planPage(name: string, plan: Plan): string {
  const { engine, fallback } = plan;
  return [
    `**${escapeMarkdown(name)}** ${vscode.l10n.t('on {0}', escapeMarkdown(engine))}`,
    ...(fallback === undefined ? [] : [escapeMarkdown(fallback)]),
    markdownTable(['', ''], planRows(plan)),
  ].join('\n\n');
}
