/** Dashboard panels: one per run. Each gets a snapshot when it asks, and the events after that while it is visible. */
import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { DashboardMemento, FileMessage, FromDashboard, ToDashboard } from '../protocol/messages';
import { dashboardHtml } from './dashboard-html';
import { readRunJson } from './run-file';
import type { RunStore } from './run-store';
import { experimentName } from './tree-model';

export const panelType = 'tessera.dashboard';

export interface Dashboards extends vscode.Disposable {
  /** Shows the dashboard of a run, beside the editor when it is new. */
  open(directory: string, options?: { readonly preserveFocus?: boolean }): void;
  /** Run directories with an open panel. */
  readonly opened: ReadonlyMap<string, vscode.WebviewPanel>;
}

export function createDashboards(extensionUri: vscode.Uri, store: RunStore, log: vscode.LogOutputChannel): Dashboards {
  const panels = new Map<string, vscode.WebviewPanel>();
  const webviewFolder = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
  const icon = (theme: string) => vscode.Uri.joinPath(extensionUri, 'media', `dashboard-${theme}.svg`);

  const attach = (panel: vscode.WebviewPanel, directory: string) => {
    panels.set(directory, panel);
    const { webview } = panel;
    const runUri = vscode.Uri.file(directory);
    const title = titleOf(store, directory);
    panel.title = title;
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
      panel.title = titleOf(store, directory);
      post({
        type: 'snapshot',
        state: { run, liveStatus, alive, runDirectory: directory, baseUri: webview.asWebviewUri(runUri).toString() },
      });
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
          log.error(`Dashboard of ${directory}: ${String(error)}`);
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
      scriptUri: resource('dashboard.js'),
      styleUri: resource('dashboard.css'),
      nonce: randomBytes(16).toString('base64url'),
      title,
      language: vscode.env.language,
    });
  };

  const serializer = vscode.window.registerWebviewPanelSerializer(panelType, {
    deserializeWebviewPanel(panel, state: Partial<DashboardMemento> | undefined) {
      const directory = state?.runDirectory;
      if (typeof directory === 'string' && !panels.has(directory)) attach(panel, directory);
      else panel.dispose();
      return Promise.resolve();
    },
  });

  return {
    opened: panels,
    open(directory, { preserveFocus = false } = {}) {
      const known = panels.get(directory);
      if (known) return known.reveal(undefined, preserveFocus);
      const viewColumn = vscode.window.activeTextEditor ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active;
      attach(
        vscode.window.createWebviewPanel(panelType, titleOf(store, directory), { viewColumn, preserveFocus }),
        directory,
      );
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
  stop: 'tessera.stop',
  checkpoint: 'tessera.checkpoint',
  reveal: 'tessera.revealRunFolder',
};

function titleOf(store: RunStore, directory: string): string {
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

async function save({ name, mime, data }: Extract<FromDashboard, { type: 'save' }>): Promise<void> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const extension = mime === 'image/png' ? 'png' : 'csv';
  const target = await vscode.window.showSaveDialog({
    defaultUri: folder === undefined ? undefined : vscode.Uri.file(join(folder, basename(name))),
    filters: { [extension.toUpperCase()]: [extension] },
  });
  if (!target) return;
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
  await vscode.workspace.fs.writeFile(target, bytes);
}
