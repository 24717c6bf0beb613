/** Doctor: which engines and devices are there, and why not, as a page in the editor. */
import * as vscode from 'vscode';
import { doctorPage } from './doctor-page';
import type { Launcher } from './launch';

const scheme = 'tessera-doctor';
const page = vscode.Uri.from({ scheme, path: '/Tessera Doctor.md' });

let content = '';
let changed: vscode.EventEmitter<vscode.Uri> | undefined;

/** Shows a fresh report; a report that is still open is replaced. */
export async function doctor(launcher: Launcher, subscriptions: vscode.Disposable[]): Promise<void> {
  const output = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('Tessera: looking for engines and devices...') },
    () => launcher.script('tessera.mjs', ['doctor', '--json']),
  );
  const chosen = vscode.workspace.getConfiguration('tessera').get<string>('nodePath', '');
  content = doctorPage(output, [
    ['VS Code', vscode.version],
    ['Node of the trainer', chosen || `${process.execPath} (the editor's own)`],
    ['Remote', vscode.env.remoteName ?? 'no'],
  ]);
  if (!changed) {
    changed = new vscode.EventEmitter();
    const provider = { onDidChange: changed.event, provideTextDocumentContent: () => content };
    subscriptions.push(changed, vscode.workspace.registerTextDocumentContentProvider(scheme, provider));
  }
  changed.fire(page);
  await vscode.workspace.openTextDocument(page);
  await vscode.commands.executeCommand('markdown.showPreview', page);
}
