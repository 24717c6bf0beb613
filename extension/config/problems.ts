/** What is wrong with an experiment config, in the Problems panel at the exact value, with quick fixes. */
import { readdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as jsonc from 'jsonc-parser';
import * as vscode from 'vscode';
import type { Problem } from '../../protocol/validate';
import { parseExperiment, parseTree } from '../../protocol/validate';
import { configSelector, isConfig } from './selector';

/** Wait for a pause in the typing, in milliseconds. */
const PAUSE_MS = 150;

/** Our diagnostics carry what a quick fix needs. */
class ConfigDiagnostic extends vscode.Diagnostic {
  constructor(
    range: vscode.Range,
    { message, source, suggestion }: Pick<Problem, 'message' | 'source' | 'suggestion'>,
    readonly fix = suggestion,
  ) {
    super(range, message, vscode.DiagnosticSeverity.Error);
    this.source = 'tessera';
    this.code = source;
  }
}

export function registerProblems(): vscode.Disposable {
  const collection = vscode.languages.createDiagnosticCollection('tessera');
  const timers = new Map<string, NodeJS.Timeout>();
  const check = async (document: vscode.TextDocument) => {
    timers.delete(document.uri.toString());
    const { version } = document;
    const problems = [...problemsOf(document.getText()), ...(await folderProblems(document))];
    // What was typed meanwhile has a check of its own coming.
    if (document.isClosed || document.version !== version) return;
    collection.set(
      document.uri,
      problems.map((problem) => diagnostic(document, problem)),
    );
  };
  const soon = (document: vscode.TextDocument, wait: number) => {
    if (!isConfig(document)) return;
    const key = document.uri.toString();
    clearTimeout(timers.get(key));
    timers.set(
      key,
      setTimeout(() => void check(document), wait),
    );
  };
  vscode.workspace.textDocuments.forEach((document) => soon(document, 0));
  return vscode.Disposable.from(
    collection,
    vscode.workspace.onDidOpenTextDocument((document) => soon(document, 0)),
    vscode.workspace.onDidChangeTextDocument(({ document }) => soon(document, PAUSE_MS)),
    // Saving is when a person has made the folder that was missing.
    vscode.workspace.onDidSaveTextDocument((document) => soon(document, 0)),
    vscode.workspace.onDidCloseTextDocument((document) => {
      clearTimeout(timers.get(document.uri.toString()));
      collection.delete(document.uri);
    }),
    vscode.languages.registerCodeActionsProvider(
      configSelector,
      { provideCodeActions: (document, _range, { diagnostics }) => fixes(document, diagnostics) },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
    { dispose: () => timers.forEach((timer) => clearTimeout(timer)) },
  );
}

/** The JSON language server already reports what is wrong with the syntax. */
function problemsOf(text: string): readonly Problem[] {
  const parsed = parseExperiment(text);
  return parsed.ok ? [] : parsed.problems.filter(({ source }) => source !== 'syntax');
}

/** Folders that the config names and that are not there, or hold nothing. */
async function folderProblems(document: vscode.TextDocument): Promise<Problem[]> {
  const root = parseTree(document.getText());
  const found = await Promise.all(
    ['source', 'testSource'].map(async (key): Promise<Problem[]> => {
      const node = root && jsonc.findNodeAtLocation(root, ['data', key]);
      const value = node?.type === 'string' ? String(node.value) : '';
      if (!node || value === '' || value.startsWith('builtin:')) return [];
      const message = await folderProblem(resolve(dirname(document.fileName), value));
      if (message === undefined) return [];
      return [{ path: `data.${key}`, message, offset: node.offset, length: node.length, source: 'semantic' }];
    }),
  );
  return found.flat();
}

async function folderProblem(folder: string): Promise<string | undefined> {
  try {
    const entries = await readdir(folder);
    return entries.length > 0 ? undefined : `The folder ${folder} is empty; put images in it or name another.`;
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ENOENT':
        return `There is no folder ${folder}; paths are relative to this file. Use "builtin:shapes" to try without images.`;
      case 'ENOTDIR':
        return `${folder} is a file; name the folder that holds the images.`;
      default:
        return `The folder ${folder} cannot be read: ${(error as Error).message}`;
    }
  }
}

function diagnostic(document: vscode.TextDocument, problem: Problem): vscode.Diagnostic {
  const { offset, length } = problem;
  const range = new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
  return new ConfigDiagnostic(range, problem);
}

function fixes(document: vscode.TextDocument, diagnostics: readonly vscode.Diagnostic[]): vscode.CodeAction[] {
  return diagnostics.flatMap((problem) => {
    if (!(problem instanceof ConfigDiagnostic) || problem.fix === undefined) return [];
    const action = new vscode.CodeAction(vscode.l10n.t('Change to {0}', problem.fix), vscode.CodeActionKind.QuickFix);
    action.edit = new vscode.WorkspaceEdit();
    action.edit.replace(document.uri, problem.range, problem.fix);
    action.diagnostics = [problem];
    action.isPreferred = true;
    return [action];
  });
}
