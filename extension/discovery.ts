/** Finds experiments and runs in the workspace, now and as they come: also those that others start or delete. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { configPattern } from './config/selector';
import type { RunStore } from './run-store';

const runsPattern = '**/.tessera/runs';
const ignored = '**/node_modules/**';

export interface Discovery extends vscode.Disposable {
  /** Looks everywhere again; resolves when everything that exists has been found and read. */
  scan(): Promise<void>;
  /** Looks again at the runs of one config file. */
  look(configFile: string): Promise<void>;
}

export function discover(store: RunStore): Discovery {
  const folders = new Set<string>();
  const watch = (pattern: string, came: (path: string) => void, went: (path: string) => void) => {
    const watcher = vscode.workspace.createFileSystemWatcher(pattern, false, true, false);
    watcher.onDidCreate(({ fsPath }) => came(fsPath));
    watcher.onDidDelete(({ fsPath }) => went(fsPath));
    return watcher;
  };

  const scanRuns = async (folder: string) => {
    folders.add(folder);
    await Promise.all((await subfolders(folder)).map((directory) => store.addRun(directory)));
  };
  const scan = async () => {
    const [configs, manifests] = await Promise.all([find(configPattern), find(`${runsPattern}/*/run.json`)]);
    const ours = configs.filter(isOurs);
    ours.forEach((file) => store.addExperiment(file));
    for (const file of store.experiments) if (!ours.includes(file)) store.removeExperiment(file);
    for (const file of ours) folders.add(runsBeside(file));
    for (const manifest of manifests) folders.add(dirname(dirname(manifest)));
    await Promise.all([...folders].map(scanRuns));
  };

  const watching = vscode.Disposable.from(
    watch(
      configPattern,
      (file) => isOurs(file) && store.addExperiment(file),
      (file) => store.removeExperiment(file),
    ),
    // A folder can appear with runs in it, of which the watcher then says nothing.
    watch(
      `{**/.tessera,${runsPattern}}`,
      (folder) => void scanRuns(basename(folder) === 'runs' ? folder : join(folder, 'runs')),
      () => {},
    ),
    watch(
      `${runsPattern}/*`,
      (directory) => isRun(basename(directory)) && void store.addRun(directory),
      (directory) => store.removeRun(directory),
    ),
    // Where watching is unreliable (network drives), coming back to the window is when a person looks.
    vscode.window.onDidChangeWindowState(({ focused }) => {
      if (focused) folders.forEach((folder) => void scanRuns(folder));
    }),
  );
  return { scan, look: (configFile) => scanRuns(runsBeside(configFile)), dispose: () => void watching.dispose() };
}

const runsBeside = (configFile: string) => join(dirname(configFile), '.tessera', 'runs');

/** A trainer makes a run in a hidden folder first and renames it when it is whole. */
function isRun(name: string): boolean {
  return !name.startsWith('.');
}

/** Copies of configs that trainers keep inside `.tessera` are not experiments. */
function isOurs(file: string): boolean {
  return !/[\\/](\.tessera|node_modules)[\\/]/.test(file);
}

async function find(pattern: string): Promise<string[]> {
  const found = await vscode.workspace.findFiles(pattern, ignored);
  return found.map(({ fsPath }) => fsPath);
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && isRun(entry.name)).map(({ name }) => join(folder, name));
}
