/** What an experiment config shows while it is open: lenses above its blocks, scores beside them. */
import * as vscode from 'vscode';
import type { RunStore } from '../run-store';
import { scoreLine } from '../scores';
import { findBlocks, type BlockPlace } from './blocks';
import { lenses } from './lenses';
import { configSelector, isConfig } from './selector';

/** Live numbers beside the text move at most this often, in milliseconds. */
const REPAINT_MS = 200;

export function registerConfigFeatures(store: RunStore): vscode.Disposable {
  const blocks = blocksOfDocuments();
  return vscode.Disposable.from(registerLenses(store, blocks), registerScores(store, blocks));
}

type Blocks = (document: vscode.TextDocument) => BlockPlace[];

/** Parsed once per version of a document, for both lenses and scores. */
function blocksOfDocuments(): Blocks {
  const known = new WeakMap<vscode.TextDocument, { version: number; places: BlockPlace[] }>();
  return (document) => {
    const cached = known.get(document);
    if (cached?.version === document.version) return cached.places;
    const places = findBlocks(document.getText());
    known.set(document, { version: document.version, places });
    return places;
  };
}

function registerLenses(store: RunStore, blocks: Blocks): vscode.Disposable {
  const changed = new vscode.EventEmitter<void>();
  const provider = vscode.languages.registerCodeLensProvider(configSelector, {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses: (document) =>
      lenses(blocks(document), document.fileName, store.runsOf(document.fileName)).map(
        ({ offset, ...lens }) =>
          new vscode.CodeLens(lineRange(document, offset), { ...lens, arguments: [...lens.arguments] }),
      ),
  });
  // Lenses say what can be done, which numbers do not change.
  const following = store.onDidChange((change) => {
    if (
      change.kind !== 'run' ||
      change.turned ||
      change.events.some(({ type }) => type === 'checkpoint' || type === 'launched')
    ) {
      changed.fire();
    }
  });
  return vscode.Disposable.from(provider, changed, following);
}

function registerScores(store: RunStore, blocks: Blocks): vscode.Disposable {
  // Drawn after the end of the line, so that no typed character ever moves.
  const style = vscode.window.createTextEditorDecorationType({
    after: { color: new vscode.ThemeColor('editorCodeLens.foreground'), margin: '0 0 0 2.5em', fontStyle: 'italic' },
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
  });
  const paint = (editor: vscode.TextEditor) => {
    const { document } = editor;
    if (!isConfig(document)) return;
    const runs = store.runsOf(document.fileName);
    const seenLines = new Set<number>();
    const options = blocks(document).flatMap(({ block, offset }): vscode.DecorationOptions[] => {
      const line = scoreLine(block, runs);
      const range = lineRange(document, offset);
      if (!line || seenLines.has(range.start.line)) return [];
      seenLines.add(range.start.line);
      return [
        {
          range,
          hoverMessage: new vscode.MarkdownString(line.table),
          renderOptions: { after: { contentText: line.text } },
        },
      ];
    });
    editor.setDecorations(style, options);
  };
  let timer: NodeJS.Timeout | undefined;
  const paintAll = () => {
    timer = undefined;
    vscode.window.visibleTextEditors.forEach(paint);
  };
  const soon = () => (timer ??= setTimeout(paintAll, REPAINT_MS));
  paintAll();
  return vscode.Disposable.from(
    style,
    store.onDidChange(soon),
    vscode.window.onDidChangeVisibleTextEditors(paintAll),
    vscode.workspace.onDidChangeTextDocument(({ document }) => {
      if (isConfig(document)) soon();
    }),
    { dispose: () => clearTimeout(timer) },
  );
}

/** From the place to the end of its line. */
function lineRange(document: vscode.TextDocument, offset: number): vscode.Range {
  const start = document.positionAt(offset);
  return new vscode.Range(start, document.lineAt(start.line).range.end);
}
