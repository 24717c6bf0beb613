/** What the suites in the extension host share. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Api } from '../../extension/extension';
import type { TrackedRun } from '../../extension/run-store';

export async function tessera(): Promise<Api> {
  const extension = vscode.extensions.getExtension<Api>('tessera.tessera');
  assert(extension, 'the packaged extension is installed');
  const api = await extension.activate();
  await api.ready;
  return api;
}

export function workspaceFile(name: string): string {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert(folder, 'a folder is open');
  return join(folder.uri.fsPath, name);
}

export async function open(name: string): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(workspaceFile(name));
  await vscode.window.showTextDocument(document, vscode.ViewColumn.One);
  return document;
}

/** Asks until there is an answer; the suite's own time limit ends it. */
export async function until<T>(ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((go) => setTimeout(go, 50));
  }
}

export function untilRun({ store }: Api, directory: string, fits: (run: TrackedRun) => boolean): Promise<TrackedRun> {
  return until(() => {
    const tracked = store.runs.get(directory);
    return tracked && fits(tracked) ? tracked : undefined;
  });
}

export async function diagnostics(document: vscode.TextDocument, count: number): Promise<vscode.Diagnostic[]> {
  return await until(() => {
    const found = vscode.languages.getDiagnostics(document.uri);
    return found.length >= count ? found : undefined;
  });
}

export async function lensTitles(document: vscode.TextDocument): Promise<string[]> {
  const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
    'vscode.executeCodeLensProvider',
    document.uri,
    100,
  );
  return lenses.map(({ command }) => command?.title ?? '');
}
