/** Doctor: which engines and devices are there, and why not, as a page in the editor. */
import * as vscode from 'vscode';
import { doctorPage } from './doctor-page';
import type { Launcher } from './launch';

export async function doctor(launcher: Launcher): Promise<void> {
  const output = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('Tessera: looking for engines and devices...') },
    () => launcher.script('tessera.mjs', ['doctor', '--json']),
  );
  const settings = vscode.workspace.getConfiguration('tessera').get<string>('nodePath', '') || process.execPath;
  const content = doctorPage(output, [
    ['VS Code', vscode.version],
    ['Node of the trainer', settings],
    ['Remote', vscode.env.remoteName ?? 'no'],
  ]);
  const document = await vscode.workspace.openTextDocument({ language: 'markdown', content });
  await vscode.window.showTextDocument(document);
}
