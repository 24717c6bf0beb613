/** Builds the parts of the extension and wires them; what each does is in its own file. */
import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { createRunPanels, dashboardPage, reportPage, type RunPanels } from './dashboard';
import { discover } from './discovery';
import { createLauncher } from './launch';
import { createRunStore, type RunStore, type TrackedRun } from './run-store';
import { registerNotices } from './notices';
import { registerStatusBar } from './status-bar';
import { registerTree } from './tree';

/** For the tests, which run in the same process. */
export interface Api {
  readonly store: RunStore;
  /** Resolves when the workspace has been searched and every run read. */
  readonly ready: Promise<void>;
  readonly openDashboards: () => readonly string[];
  readonly openReports: () => readonly string[];
}

export function activate(context: vscode.ExtensionContext): Api {
  const started = performance.now();
  const log = vscode.window.createOutputChannel('Tessera', { log: true });
  const store = createRunStore((message) => log.warn(message));
  const discovery = discover(store);
  const launcher = createLauncher(context, store, log);
  const dashboards = createRunPanels(dashboardPage, context.extensionUri, store, log);
  const reports = createRunPanels(reportPage, context.extensionUri, store, log);
  context.subscriptions.push(
    log,
    store,
    discovery,
    dashboards,
    reports,
    registerTree(store),
    registerStatusBar(store),
    registerCommands({ store, discovery, launcher, dashboards, reports, log }, context.subscriptions),
    registerNotices(store, dashboards, reports),
    store.onDidChange(() => setContextKeys(store)),
    openLiveRuns(store, dashboards),
  );
  const activated = performance.now() - started;
  log.info(`Activated in ${activated.toFixed(1)} ms`);

  // The JSON parser, the schema and the search for runs wait until the editor is up.
  const later = async () => {
    const [{ registerConfigFeatures }, { registerPlanHover }, { registerProblems }, { findImages }] = await Promise.all(
      [import('./config/features'), import('./config/plan-hover'), import('./config/problems'), import('./welcome')],
    );
    context.subscriptions.push(registerConfigFeatures(store), registerPlanHover(launcher, store), registerProblems());
    await discovery.scan();
    setContextKeys(store);
    log.info(`Found ${store.experiments.size} experiments and ${store.runs.size} runs`);
    await findImages();
  };
  const ready = later().catch((error: unknown) => log.error(error instanceof Error ? error : String(error)));
  const opened = (panels: RunPanels) => () => [...panels.opened.keys()];
  return { store, ready, openDashboards: opened(dashboards), openReports: opened(reports) };
}

/** For who starts runs elsewhere and wants to see them here. */
function openLiveRuns(store: RunStore, dashboards: RunPanels): vscode.Disposable {
  const seen = new Set<string>();
  return store.onDidChange((change) => {
    if (change.kind !== 'run' || !change.tracked.alive || seen.has(change.tracked.directory)) return;
    seen.add(change.tracked.directory);
    const asked = vscode.workspace.getConfiguration('tessera').get<boolean>('openDashboardForLiveRuns', false);
    if (asked) void openLiveRun(store, dashboards, change.tracked);
  });
}

/** In an empty window the config comes first, with the dashboard beside it. */
async function openLiveRun(
  store: RunStore,
  dashboards: RunPanels,
  { directory, configFile }: TrackedRun,
): Promise<void> {
  if (vscode.window.visibleTextEditors.length === 0 && store.experiments.has(configFile)) {
    await vscode.window.showTextDocument(vscode.Uri.file(configFile), { preview: false });
  }
  dashboards.open(directory, { preserveFocus: true });
}

/** What `when` clauses in package.json ask. */
function setContextKeys(store: RunStore): void {
  const runs = [...store.runs.values()];
  setContext('hasExperiments', store.experiments.size > 0);
  setContext('hasRuns', runs.length > 0);
  setContext(
    'hasLiveRun',
    runs.some(({ alive }) => alive),
  );
}

const contextKeys = new Map<string, boolean>();

function setContext(key: string, value: boolean): void {
  if (contextKeys.get(key) === value) return;
  contextKeys.set(key, value);
  void vscode.commands.executeCommand('setContext', `tessera.${key}`, value);
}
