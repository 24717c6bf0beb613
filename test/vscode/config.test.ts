import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import * as vscode from 'vscode';
import { diagnostics, lensTitles, open, tessera, until, workspaceFile } from './support';

describe('an experiment config in the editor', () => {
  before(tessera);

  it('is JSON with comments', async () => {
    assert.equal((await open('tiny.tessera.jsonc')).languageId, 'jsonc');
  });

  it('has lenses above its blocks', async () => {
    const document = await open('tiny.tessera.jsonc');
    const titles = await until(async () => {
      const found = await lensTitles(document);
      return found.length > 0 ? found : undefined;
    });
    for (const title of ['$(play) Pretrain', '$(beaker) Probe', '$(mortar-board) Fine-tune']) {
      assert(titles.includes(title), `${title} among ${titles.join(', ')}`);
    }
  });

  it('has each problem once, at the exact value', async () => {
    const document = await open('broken.tessera.jsonc');
    const found = await diagnostics(document, 3);
    const places = found.map(({ range, source }) => `${source}: ${document.getText(range)}`).sort();
    assert.deepEqual(places, ['tessera: "maskRation"', 'tessera: "no-such-folder"', 'tessera: 0']);
  });

  it('has the problems of values that do not go together', async () => {
    const document = await open('meaning.tessera.jsonc');
    const found = await diagnostics(document, 3);
    const places = found.map(({ range }) => document.getText(range)).sort();
    assert.deepEqual(places, ['"no-such-folder"', '4', '5']);
  });

  it('mends a misspelt key by a quick fix', async () => {
    const document = await open('broken.tessera.jsonc');
    const found = await diagnostics(document, 3);
    const misspelt = found.find(({ message }) => message.includes('maskRation'));
    assert(misspelt);
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      misspelt.range,
      vscode.CodeActionKind.QuickFix.value,
    );
    const fix = actions.find(({ title }) => title === 'Change to "maskRatio"');
    assert(fix?.edit, actions.map(({ title }) => title).join(', '));
    await vscode.workspace.applyEdit(fix.edit);
    assert.match(document.getText(), /"maskRatio": 0\.5/);
    await vscode.commands.executeCommand('workbench.action.files.revert');
  });

  it('forgets a problem when it is mended', async () => {
    const file = workspaceFile('mended.tessera.jsonc');
    await writeFile(file, '{ "data": { "source": "builtin:shapes" }, "seed": -1 }');
    const document = await open('mended.tessera.jsonc');
    const [problem] = await diagnostics(document, 1);
    const edit = new vscode.WorkspaceEdit();
    edit.replace(document.uri, problem!.range, '1');
    await vscode.workspace.applyEdit(edit);
    await until(() => (vscode.languages.getDiagnostics(document.uri).length === 0 ? true : undefined));
    await vscode.commands.executeCommand('workbench.action.files.revert');
  });

  it('completes keys and explains them from the schema', async () => {
    const document = await open('tiny.tessera.jsonc');
    const at = document.positionAt(document.getText().indexOf('"logEvery"') + 1);
    const items = await until(async () => {
      const list = await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        document.uri,
        at,
      );
      return list.items.some(({ label }) => JSON.stringify(label).includes('maskRatio')) ? list.items : undefined;
    });
    assert(items.length > 3);
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      document.uri,
      at,
    );
    const text = hovers
      .flatMap(({ contents }) => contents)
      .map((content) => (content instanceof vscode.MarkdownString ? content.value : JSON.stringify(content)))
      .join();
    assert.match(text, /Steps between metric rows/);
  });

  it('tells on the batch size what the training will cost, as the text stands', async () => {
    // A file of its own: the editor may save what is typed, and other tests train the others.
    const content = await readFile(workspaceFile('tiny.tessera.jsonc'), 'utf8');
    await writeFile(workspaceFile('planned.tessera.jsonc'), content);
    const document = await open('planned.tessera.jsonc');
    const at = document.positionAt(document.getText().indexOf('"batchSize"') + 1);
    const edit = new vscode.WorkspaceEdit();
    const steps = document.getText().indexOf('100000');
    edit.replace(document.uri, new vscode.Range(document.positionAt(steps), document.positionAt(steps + 6)), '321');
    await vscode.workspace.applyEdit(edit);
    const text = await until(async () => {
      const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
        'vscode.executeHoverProvider',
        document.uri,
        at,
      );
      const values = hovers
        .flatMap(({ contents }) => contents)
        .map((content) => (content instanceof vscode.MarkdownString ? content.value : ''));
      return values.find((value) => value.includes('parameters'));
    });
    assert.match(text, /16 steps of 16 of 256 images/);
    assert.match(text, /321 steps/);
    await vscode.commands.executeCommand('workbench.action.files.revert');
  });

  it('survives a file that is no config at all', async () => {
    const file = workspaceFile('hostile.tessera.jsonc');
    await writeFile(file, '['.repeat(100_000));
    const document = await open('hostile.tessera.jsonc');
    assert.deepEqual(await lensTitles(document), []);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });
});
