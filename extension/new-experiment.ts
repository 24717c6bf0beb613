/** New Experiment: three questions, then a valid config on the screen. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { formatStep } from '../protocol/format';
import { dataSetPattern, dataSetsOf } from './data-sets';
import {
  encoderMillions,
  experimentText,
  freeFileName,
  guessDataSets,
  methods,
  sizes,
  type DataChoice,
  type Method,
  type Size,
} from './templates';

export const imagePattern = '**/*.{jpg,jpeg,png,webp,gif,JPG,JPEG,PNG}';
export const notImages = '**/{node_modules,.tessera,.git,.vscode,dist,out,build}/**';

/** Enough to tell which folders hold images, without waiting for all of a large set. */
const MAX_FILES = 5000;

/** `argument` is `builtin:shapes` from the welcome view, or a folder from the Explorer. */
export async function newExperiment(argument: unknown): Promise<void> {
  const folder = await targetFolder();
  if (!folder) return;
  const data = await chooseData(folder, argument);
  if (data === undefined) return;
  const method = await chooseMethod();
  if (method === undefined) return;
  const size = await chooseSize();
  if (size === undefined) return;
  const taken = new Set(await readdir(folder.uri.fsPath));
  const file = vscode.Uri.file(join(folder.uri.fsPath, freeFileName(method, data.source, taken)));
  await vscode.workspace.fs.writeFile(file, new TextEncoder().encode(experimentText(data, method, size)));
  await vscode.window.showTextDocument(file, { preview: false });
}

async function targetFolder(): Promise<vscode.WorkspaceFolder | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length > 1) return await vscode.window.showWorkspaceFolderPick();
  if (folders[0]) return folders[0];
  const open = vscode.l10n.t('Open Folder');
  const message = vscode.l10n.t('An experiment and its runs live in a folder; open one first.');
  if ((await vscode.window.showInformationMessage(message, open)) === open) {
    await vscode.commands.executeCommand('workbench.action.files.openFolder');
  }
  return undefined;
}

async function chooseData(folder: vscode.WorkspaceFolder, argument: unknown): Promise<DataChoice | undefined> {
  if (typeof argument === 'string' && argument.startsWith('builtin:')) return { source: argument, imageSize: 32 };
  const images = (uri: vscode.Uri): DataChoice => ({ source: relativeTo(folder, uri), imageSize: 64 });
  if (argument instanceof vscode.Uri) return images(argument);
  const picked = await vscode.window.showQuickPick(dataItems(folder), {
    title: vscode.l10n.t('New Experiment (1/3)'),
    placeHolder: vscode.l10n.t('Which images?'),
  });
  if (!picked || picked.data) return picked?.data;
  const chosen = await vscode.window.showOpenDialog({
    canSelectFolders: true,
    canSelectFiles: false,
    openLabel: vscode.l10n.t('Use These Images'),
  });
  return chosen?.[0] && images(chosen[0]);
}

async function dataItems(folder: vscode.WorkspaceFolder): Promise<(vscode.QuickPickItem & { data?: DataChoice })[]> {
  const pattern = new vscode.RelativePattern(folder, imagePattern);
  const published = new vscode.RelativePattern(folder, dataSetPattern);
  const [files, setFiles] = await Promise.all([
    vscode.workspace.findFiles(pattern, notImages, MAX_FILES),
    vscode.workspace.findFiles(published, notImages, MAX_FILES),
  ]);
  const paths = (uris: readonly vscode.Uri[]) => uris.map(({ path }) => path.slice(folder.uri.path.length + 1));
  const found = guessDataSets(paths(files));
  return [
    ...dataSetsOf(paths(setFiles))
      .slice(0, 8)
      .map(({ source, name, imageSize }) => ({
        label: `$(database) ${source}`,
        description: vscode.l10n.t('{0} files, as published', name),
        data: { source, imageSize, published: true },
      })),
    ...found.slice(0, 8).map(({ folder: source, images }) => ({
      label: `$(file-media) ${source}`,
      description: files.length < MAX_FILES ? vscode.l10n.t('{0} images', formatStep(images)) : vscode.l10n.t('images'),
      data: { source, imageSize: 64 },
    })),
    {
      label: '$(symbol-color) builtin:shapes',
      description: vscode.l10n.t('drawn on the fly, 10 classes, nothing to download'),
      data: { source: 'builtin:shapes', imageSize: 32 },
    },
    { label: `$(folder) ${vscode.l10n.t('Another folder...')}` },
  ];
}

/** A path inside the workspace folder is written relative to it, so that the folder can be moved or shared. */
function relativeTo(folder: vscode.WorkspaceFolder, { fsPath, path }: vscode.Uri): string {
  const root = `${folder.uri.path}/`;
  if (path === folder.uri.path) return '.';
  return path.startsWith(root) ? path.slice(root.length) : fsPath;
}

async function chooseMethod(): Promise<Method | undefined> {
  const picked = await vscode.window.showQuickPick(
    (Object.keys(methods) as Method[]).map((method) => ({
      label: method,
      description: methods[method].title,
      detail: methods[method].task,
      method,
    })),
    { title: vscode.l10n.t('New Experiment (2/3)'), placeHolder: vscode.l10n.t('What to learn from?') },
  );
  return picked?.method;
}

async function chooseSize(): Promise<Size | undefined> {
  const what: Record<Size, string> = {
    tiny: vscode.l10n.t('a first look: something to see in minutes on a laptop'),
    small: vscode.l10n.t('an encoder worth probing, also without a GPU'),
    base: vscode.l10n.t('ViT-Ti: for a long run, or a GPU'),
  };
  const picked = await vscode.window.showQuickPick(
    (Object.keys(sizes) as Size[]).map((size) => ({
      label: size,
      description: vscode.l10n.t(
        'encoder of {0} M weights, {1} epochs',
        encoderMillions(size).toFixed(1),
        sizes[size].epochs,
      ),
      detail: what[size],
      size,
    })),
    { title: vscode.l10n.t('New Experiment (3/3)'), placeHolder: vscode.l10n.t('How large a model?') },
  );
  return picked?.size;
}
