/** Panels with a page of a run, one per run and kind of page. Each gets a snapshot when it asks, and the events after that while it is visible. */
import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { DashboardMemento, FileMessage, FromDashboard, ToDashboard } from '../protocol/messages';
import { dashboardHtml } from './dashboard-html';
import { readRunJson } from './run-file';
import type { RunStore } from './run-store';
import { experimentName } from './tree-model';

/** What a panel shows: a bundle of the webview, and how its tab looks. */
export interface PageKind {
  readonly panelType: string;
  /** Name of its script and style sheet, and the beginning of its icons'. */
  readonly bundle: string;
  readonly title: (experiment: string) => string;
}

export const dashboardPage: PageKind = {
  panelType: 'tessera.dashboard',
  bundle: 'dashboard',
  title: (experiment) => experiment,
};

export const reportPage: PageKind = {
  panelType: 'tessera.report',
  bundle: 'report',
  title: (experiment) => vscode.l10n.t('Report of {0}', experiment),
};

export interface RunPanels extends vscode.Disposable {
  /** Shows the page of a run, beside the editor when it is new, at a step where one is named. */
  open(directory: string, options?: { readonly preserveFocus?: boolean; readonly step?: number }): void;
  /** Run directories with an open panel. */
  readonly opened: ReadonlyMap<string, vscode.WebviewPanel>;
}

export function createRunPanels(
  kind: PageKind,
  extensionUri: vscode.Uri,
  store: RunStore,
  log: vscode.LogOutputChannel,
): RunPanels {
  const panels = new Map<string, vscode.WebviewPanel>();
  /** Steps to go to as soon as the page listens. */
  const wanted = new Map<string, number>();
  const webviewFolder = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
  const icon = (theme: string) => vscode.Uri.joinPath(extensionUri, 'media', `${kind.bundle}-${theme}.svg`);

  const attach = (panel: vscode.WebviewPanel, directory: string) => {
    panels.set(directory, panel);
    const { webview } = panel;
    const runUri = vscode.Uri.file(directory);
    const title = () => kind.title(nameOf(store, directory));
    panel.title = title();
    panel.iconPath = { light: icon('light'), dark: icon('dark') };
    webview.options = { enableScripts: true, localResourceRoots: [webviewFolder, runUri] };

    // Nothing is posted before the page has said that it listens, nor while it is hidden and does not exist.
    let listening = false;
    const post = (message: ToDashboard) => void webview.postMessage(message);
    const snapshot = () => {
      const tracked = store.runs.get(directory);
      if (!tracked) {
        post({ type: 'lost', message: store.broken.get(directory) ?? `There is no run in ${directory} any more.` });
        return;
      }
      const { run, liveStatus, alive } = tracked;
      panel.title = title();
      post({
        type: 'snapshot',
        state: { run, liveStatus, alive, runDirectory: directory, baseUri: webview.asWebviewUri(runUri).toString() },
      });
      const step = wanted.get(directory);
      wanted.delete(directory);
      if (step !== undefined) post({ type: 'go', step });
    };
    const receive = async (message: FromDashboard) => {
      switch (message.type) {
        case 'ready':
          // After a reload of the window the run may still be waiting to be read.
          await store.addRun(directory);
          listening = true;
          return snapshot();
        case 'open':
          return post(await opened(directory, message));
        case 'command':
          return void (await vscode.commands.executeCommand(commandIds[message.command], directory));
        case 'evaluate':
          return void (await vscode.commands.executeCommand('tessera.evaluate', directory, message.kind));
        case 'save':
          return await save(message);
      }
    };
    const subscriptions = [
      webview.onDidReceiveMessage((message: FromDashboard) => {
        receive(message).catch((error: unknown) => {
          log.error(`${kind.bundle} of ${directory}: ${String(error)}`);
          void vscode.window.showErrorMessage(`Tessera: ${error instanceof Error ? error.message : String(error)}`);
        });
      }),
      panel.onDidChangeViewState(() => {
        if (!panel.visible) listening = false;
      }),
      store.onDidChange((change) => {
        if (!listening) return;
        if (change.kind === 'run' && change.tracked.directory === directory) {
          const { liveStatus, alive } = change.tracked;
          post({ type: 'events', events: change.events, liveStatus, alive });
        } else if (change.kind === 'lost' && change.directory === directory) {
          post({ type: 'lost', message: change.message });
        }
      }),
    ];
    panel.onDidDispose(() => {
      panels.delete(directory);
      subscriptions.forEach((subscription) => void subscription.dispose());
    });
    const resource = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(webviewFolder, name)).toString();
    webview.html = dashboardHtml({
      cspSource: webview.cspSource,
      scriptUri: resource(`${kind.bundle}.js`),
      styleUri: resource(`${kind.bundle}.css`),
      nonce: randomBytes(16).toString('base64url'),
      title: title(),
      language: vscode.env.language,
    });
  };

  const serializer = vscode.window.registerWebviewPanelSerializer(kind.panelType, {
    deserializeWebviewPanel(panel, state: Partial<DashboardMemento> | undefined) {
      const directory = state?.runDirectory;
      if (typeof directory === 'string' && !panels.has(directory)) attach(panel, directory);
      else panel.dispose();
      return Promise.resolve();
    },
  });

  return {
    opened: panels,
    open(directory, { preserveFocus = false, step } = {}) {
      if (step !== undefined) wanted.set(directory, step);
      const known = panels.get(directory);
      if (known) {
        // A page in sight asks for nothing by itself.
        if (known.visible && step !== undefined) {
          wanted.delete(directory);
          void known.webview.postMessage({ type: 'go', step } satisfies ToDashboard);
        }
        return known.reveal(undefined, preserveFocus);
      }
      const viewColumn = vscode.window.activeTextEditor ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active;
      const title = kind.title(nameOf(store, directory));
      attach(vscode.window.createWebviewPanel(kind.panelType, title, { viewColumn, preserveFocus }), directory);
    },
    dispose() {
      serializer.dispose();
      // Panels stay: VS Code brings them back through the serializer.
    },
  };
}

const commandIds: Record<Extract<FromDashboard, { type: 'command' }>['command'], string> = {
  pause: 'tessera.pause',
  resume: 'tessera.resume',
  resumeOnCpu: 'tessera.resumeOnCpu',
  stop: 'tessera.stop',
  checkpoint: 'tessera.checkpoint',
  report: 'tessera.openReport',
  reveal: 'tessera.revealRunFolder',
};

function nameOf(store: RunStore, directory: string): string {
  const tracked = store.runs.get(directory);
  return tracked ? experimentName(tracked.configFile) : basename(directory);
}

async function opened(
  directory: string,
  { kind, file }: Extract<FromDashboard, { type: 'open' }>,
): Promise<FileMessage> {
  try {
    // The page checks what it draws; a file that others made may be anything.
    return { type: kind, file, content: await readRunJson(directory, file) } as FileMessage;
  } catch (error) {
    return { type: kind, file, content: null, error: (error as Error).message };
  }
}

const extensions: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'text/csv': 'csv',
  'text/markdown': 'md',
  'application/json': 'json',
};

async function save({ name, mime, data }: Extract<FromDashboard, { type: 'save' }>): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const extension = extensions[mime] ?? 'txt';
  const target = await vscode.window.showSaveDialog({
    defaultUri: folder === undefined ? undefined : vscode.Uri.file(join(folder, basename(name))),
    filters: { [extension.toUpperCase()]: [extension] },
  });
  if (!target) return;
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
  await vscode.workspace.fs.writeFile(target, bytes);
}
