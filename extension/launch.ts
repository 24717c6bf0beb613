/** Starting trainers from the editor: with its own Node, and with errors that lead somewhere. */
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { LaunchError } from '../client';
import type { RunStore, TrackedRun } from './run-store';

interface ScriptOptions {
  /** What it reads from its standard input. */
  readonly input?: string;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  /** Told each line of its standard output as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface Launcher {
  /**
   * Starts `dist/trainer.mjs` with `args` and resolves to its run once it has shown a sign of life, or to
   * undefined when it refused, which has been told to the user. `configFile` is where problems are shown.
   */
  launch(title: string, args: readonly string[], configFile: string): Promise<TrackedRun | undefined>;
  /** Runs one of the bundled scripts to its end, or to the signal's, and resolves to what it printed. */
  script(name: string, args: readonly string[], options?: ScriptOptions): Promise<string>;
}

export function createLauncher(
  { extensionPath, globalStorageUri }: vscode.ExtensionContext,
  store: RunStore,
  log: vscode.LogOutputChannel,
): Launcher {
  const dist = (name: string) => join(extensionPath, 'dist', name);
  const node = () => nodeOf(join(globalStorageUri.fsPath, 'engines'));

  const start = async (args: readonly string[], configFile: string): Promise<TrackedRun | undefined> => {
    const { launchTrainer } = await import('../client');
    log.info(`Starting the trainer: ${args.join(' ')}`);
    const { runDirectory, pid } = await launchTrainer({
      ...node(),
      trainerPath: dist('trainer.mjs'),
      args,
      cwd: join(configFile, '..'),
    });
    log.info(`Trainer ${pid} owns ${runDirectory}`);
    return await store.addRun(runDirectory);
  };

  return {
    async launch(title, args, configFile) {
      if (!vscode.workspace.isTrusted) {
        const manage = vscode.l10n.t('Manage Trust');
        const chosen = await vscode.window.showWarningMessage(
          vscode.l10n.t('Training runs code on your machine; it starts once this workspace is trusted.'),
          manage,
        );
        if (chosen === manage) await vscode.commands.executeCommand('workbench.trust.manage');
        return undefined;
      }
      try {
        return await vscode.window.withProgress(
          { location: vscode.ProgressLocation.Window, title: `Tessera: ${title}` },
          () => start(args, configFile),
        );
      } catch (error) {
        await tellLaunchError(error as LaunchError, configFile, log);
        return undefined;
      }
    },
    async script(name, args, { input, cwd, signal, onLine } = {}) {
      const [{ execFile }, { createInterface }] = await Promise.all([
        import('node:child_process'),
        import('node:readline'),
      ]);
      const { nodePath, env } = node();
      return await new Promise((done, fail) => {
        const options = { env, cwd, signal, maxBuffer: 1 << 24 };
        const child = execFile(nodePath, [dist(name), ...args], options, (error, stdout, stderr) => {
          // A report of what is missing may come with a failing exit code; lines of progress are no report.
          if (error && (onLine || !stdout)) fail(new Error(stderr.trim() || error.message));
          else done(stdout);
        });
        if (input !== undefined) child.stdin!.end(input);
        if (onLine) createInterface({ input: child.stdout! }).on('line', onLine);
      });
    },
  };
}

/** The editor's own Node unless the setting names another, and engines in the extension's storage unless another does. */
function nodeOf(ownEngines: string): { nodePath: string; env: NodeJS.ProcessEnv } {
  const settings = vscode.workspace.getConfiguration('tessera');
  const setting = (name: string) => settings.get<string>(name, '').trim();
  const gpu = setting('gpu');
  const env = {
    ...process.env,
    TESSERA_ENGINES: setting('enginesFolder') || ownEngines,
    ...(gpu && { TESSERA_GPU: gpu }),
  };
  const chosen = setting('nodePath');
  if (chosen) return { nodePath: chosen, env };
  return { nodePath: process.execPath, env: { ...env, ELECTRON_RUN_AS_NODE: '1' } };
}

async function tellLaunchError(error: LaunchError, configFile: string, log: vscode.LogOutputChannel): Promise<void> {
  log.error(error);
  const problem = error.problems?.[0];
  const go = vscode.l10n.t('Go to Problem');
  const openLog = vscode.l10n.t('Open Log');
  // The whole is in the log; a toast has room for its first line.
  const message = error.message.split('\n')[0]!;
  const chosen = await vscode.window.showErrorMessage(`Tessera: ${message}`, ...(problem ? [go] : []), openLog);
  if (chosen === openLog) log.show();
  if (chosen === go && problem) {
    const document = await vscode.workspace.openTextDocument(configFile);
    const at = document.positionAt(problem.offset);
    await vscode.window.showTextDocument(document, {
      selection: new vscode.Range(at, document.positionAt(problem.offset + problem.length)),
    });
  }
}
