// A small extension that carries the mocha suite into the extension host. Two ways lead in: installed as a VSIX it starts
// by itself (code-server), and `run` is what @vscode/test-electron calls (desktop). Results go to a file, line by line.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type Mocha from 'mocha';
import type { Line, Order } from './protocol';
import { ExtensionMode, workspace, type ExtensionContext } from 'vscode';
import { endTrainers } from '../../setup/trainers';

export function activate(context: ExtensionContext): void {
  if (context.extensionMode !== ExtensionMode.Production) return; // `run` is going to be called
  if (process.env.TESSERA_SUITE === undefined) return;
  void run().catch(() => undefined); // it has been reported
}

/** Runs the suite that the environment names; rejects when a test failed. */
export async function run(): Promise<void> {
  const order = JSON.parse(process.env.TESSERA_SUITE ?? '') as Order;
  const report = (line: Line) => appendFileSync(order.report, `${JSON.stringify(line)}\n`);
  try {
    report({ kind: 'start', files: order.files });
    const failed = await runMocha(order, report);
    for (const { uri } of workspace.workspaceFolders ?? []) await endTrainers(uri.fsPath);
    report({ kind: 'end' });
    if (failed > 0) throw new Error(`${failed} of the suite's tests failed`);
  } catch (error) {
    report({ kind: 'error', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    throw error;
  }
}

async function runMocha(order: Order, report: (line: Line) => void): Promise<number> {
  // Mocha is an ES module of the checkout; the bundle of this extension does not hold it.
  const url = pathToFileURL(join(order.mocha, 'index.js')).href;
  const { default: MochaClass } = (await import(url)) as { default: typeof Mocha };
  const mocha = new MochaClass({ ui: 'bdd', timeout: 60_000, reporter: reporter(report) });
  for (const file of order.files) mocha.addFile(file);
  await mocha.loadFilesAsync();
  return new Promise((resolve) => mocha.run(resolve));
}

/** Mocha's reporters are constructors that listen to the runner they are given. */
function reporter(report: (line: Line) => void) {
  return function (runner: Mocha.Runner): void {
    runner.on('pass', (test) => report({ kind: 'pass', title: test.titlePath(), ms: test.duration ?? 0 }));
    runner.on('pending', (test) => report({ kind: 'skip', title: test.titlePath() }));
    runner.on('fail', (test, error: Error) =>
      report({ kind: 'fail', title: test.titlePath(), message: error.stack ?? error.message }),
    );
  } as unknown as Mocha.ReporterConstructor;
}
