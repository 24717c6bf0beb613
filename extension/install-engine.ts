/** Installing the tensorflow engine from the palette: which package, which library, and the command line's progress. */
import * as vscode from 'vscode';
import type { Launcher } from './launch';

/** Asks for what has to be known, and installs; Cancel leaves things as they were. */
export async function installTensorflow(launcher: Launcher, log: vscode.LogOutputChannel): Promise<void> {
  const gpu = await ask(vscode.l10n.t('What is it to run on?'), [
    { label: vscode.l10n.t('CUDA GPU'), detail: vscode.l10n.t('and the CPU where none works'), value: true },
    { label: vscode.l10n.t('CPU'), detail: vscode.l10n.t('the onnx engine, which is always there, is about as fast'), value: false }, // prettier-ignore
  ]);
  if (gpu === undefined) return;
  const library = await askLibrary();
  if (library === undefined) return;
  const args = ['engines', 'install', 'tensorflow', ...(gpu ? ['--gpu'] : []), ...library];
  log.info(`Installing: tessera ${args.join(' ')}`);

  const cancelled = new AbortController();
  const title = vscode.l10n.t('Tessera: TensorFlow engine');
  const output = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (progress, token) => {
      token.onCancellationRequested(() => cancelled.abort());
      const onLine = (message: string) => progress.report({ message });
      return await launcher
        .script('tessera.mjs', args, { signal: cancelled.signal, onLine })
        .catch((error: unknown) => {
          if (!cancelled.signal.aborted) throw error;
          return undefined;
        });
    },
  );
  if (output === undefined) return void log.info('The installation was cancelled.');
  log.info(output.trim());
  const doctor = vscode.l10n.t('Open Doctor');
  const message = vscode.l10n.t(
    'The tensorflow engine is installed. Say "engine": "tensorflow" in a config to use it.',
  );
  if ((await vscode.window.showInformationMessage(message, doctor)) === doctor) {
    await vscode.commands.executeCommand('tessera.doctor');
  }
}

/** The flags for where TensorFlow's library is from; undefined when the question was closed. */
async function askLibrary(): Promise<readonly string[] | undefined> {
  const from = await ask(vscode.l10n.t("Where is TensorFlow's library from?"), [
    { label: vscode.l10n.t('Download'), detail: vscode.l10n.t('version 2.9, for CUDA 11.2; not for the newest GPUs'), value: 'download' }, // prettier-ignore
    { label: vscode.l10n.t('Wheel File...'), detail: vscode.l10n.t('tensorflow-*.whl, as pip downloads it (Linux)'), value: 'file' }, // prettier-ignore
    { label: vscode.l10n.t('Folder...'), detail: vscode.l10n.t('the site-packages with an installed TensorFlow (Linux)'), value: 'folder' }, // prettier-ignore
  ]);
  if (from === undefined) return undefined;
  if (from === 'download') return [];
  const chosen = await vscode.window.showOpenDialog({
    canSelectFiles: from === 'file',
    canSelectFolders: from === 'folder',
    filters: from === 'file' ? { [vscode.l10n.t('Wheels')]: ['whl'] } : undefined,
  });
  return chosen?.[0] && ['--libtensorflow', chosen[0].fsPath];
}

interface Choice<T> extends vscode.QuickPickItem {
  readonly value: T;
}

async function ask<T>(placeHolder: string, choices: readonly Choice<T>[]): Promise<T | undefined> {
  return (await vscode.window.showQuickPick(choices, { placeHolder, ignoreFocusOut: true }))?.value;
}
