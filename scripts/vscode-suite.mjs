// The mocha suite of test/vscode in the extension host of a real editor, against the packaged VSIX.
import { build } from 'esbuild';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { desktop, editorKind, openWindow } from './editor.mjs';
import { testVsix } from './vsix.mjs';
import { root, run } from './process.mjs';

/**
 * @typedef {import('../test/vscode/runner/protocol').Line} Line
 * @typedef {import('../test/vscode/runner/protocol').Order} Order
 * @typedef {import('./test.mjs').Counts} Counts
 */

const limitMs = 15 * 60_000;
const startLimitMs = 2 * 60_000;

/** @returns {Promise<Counts>} */
export async function runVscodeSuite() {
  const kind = await editorKind();
  const vsix = testVsix();
  const { runner, files } = await bundleSuite();
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'tessera-vscode-')));
  try {
    const folder = join(scratch, 'workspace');
    const fixture = join(root, 'test', 'vscode', 'workspace');
    if (existsSync(fixture)) await cp(fixture, folder, { recursive: true });
    else await mkdir(folder);
    /** @type {Order} */
    const order = { mocha: join(root, 'node_modules', 'mocha'), files, report: join(scratch, 'report.jsonl') };
    await writeFile(order.report, '');
    const host = { kind, folder, profile: join(scratch, 'profile'), env: { TESSERA_SUITE: JSON.stringify(order) } };
    if (kind === 'desktop') return await onDesktop({ ...host, extensions: [vsix], runner }, order);
    return await inCodeServer({ ...host, extensions: [vsix, packRunner(runner)] }, order);
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Bundles each test file and the runner for the extension host. */
async function bundleSuite() {
  const out = join(root, '.tsbuild', 'vscode-suite');
  await rm(out, { recursive: true, force: true });
  const tests = (await readdir(join(root, 'test/vscode'))).filter((name) => name.endsWith('.test.ts')).sort();
  if (tests.length === 0) throw new Error('There is no test in test/vscode.');
  await build({
    absWorkingDir: root,
    entryPoints: [...tests.map((name) => `test/vscode/${name}`), 'test/vscode/runner/runner.ts'],
    outbase: 'test/vscode',
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    mainFields: ['module', 'main'],
    external: ['vscode', 'sharp', 'onnxruntime-node'],
    sourcemap: 'inline',
  });
  const runner = join(out, 'runner');
  await cp(join(root, 'test/vscode/runner/package.json'), join(runner, 'package.json'));
  return { runner, files: tests.map((name) => join(out, name.replace(/\.ts$/, '.cjs'))) };
}

/** @param {string} folder @returns {string} the VSIX of the runner */
function packRunner(folder) {
  const vsix = join(folder, 'runner.vsix');
  const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
  const args = ['package', '--no-dependencies', '--allow-missing-repository', '--skip-license', '--out', vsix];
  run(process.execPath, [vsce, ...args], { cwd: folder, stdio: 'pipe' });
  return vsix;
}

/** @param {Parameters<typeof openWindow>[0]} host @param {Order} order */
async function inCodeServer(host, order) {
  const window = await openWindow(host);
  try {
    const follow = reportFollower(order.report);
    const started = Date.now();
    for (;;) {
      const state = follow();
      if (state.done) return state.counts;
      const waited = Date.now() - started;
      if (!state.started && waited > startLimitMs)
        throw new Error('The suite did not start: the runner was not activated.');
      if (waited > limitMs) throw new Error(`The suite did not end within ${limitMs / 60_000} minutes.`);
      await sleep(200);
    }
  } finally {
    await window.close();
  }
}

/** @param {import('./editor.mjs').EditorOptions & {runner: string}} host @param {Order} order */
async function onDesktop(host, order) {
  const { runTests, resolveCliPathFromVSCodeExecutablePath } = await import('@vscode/test-electron');
  const vscodeExecutablePath = await desktop();
  const folders = [
    '--user-data-dir',
    join(host.profile, 'user-data'),
    '--extensions-dir',
    join(host.profile, 'extensions'),
  ];
  const cli = resolveCliPathFromVSCodeExecutablePath(vscodeExecutablePath);
  const windows = process.platform === 'win32';
  for (const vsix of host.extensions) run(cli, [...folders, '--install-extension', vsix], { shell: windows });
  const follow = reportFollower(order.report);
  const failure = await runTests({
    vscodeExecutablePath,
    extensionDevelopmentPath: host.runner,
    extensionTestsPath: join(host.runner, 'runner.cjs'),
    extensionTestsEnv: host.env,
    launchArgs: [host.folder, ...folders, '--disable-workspace-trust'],
  }).then(
    () => undefined,
    (error) => error,
  );
  const state = follow();
  if (!state.done) throw failure ?? new Error('VS Code ended before the suite did.');
  return state.counts;
}

/**
 * Prints what the runner has added to its report since the last call, and says where the suite stands.
 * @param {string} file
 */
function reportFollower(file) {
  /** @type {{started: boolean, done: boolean, counts: Counts}} */
  const state = { started: false, done: false, counts: { passed: 0, failed: 0, skipped: 0, failures: [] } };
  let seen = 0;
  return () => {
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1); // the last piece is still being written
    for (const text of lines.slice(seen)) take(/** @type {Line} */ (JSON.parse(text)), state);
    seen = lines.length;
    return state;
  };
}

/** @param {Line} line @param {{started: boolean, done: boolean, counts: Counts}} state */
function take(line, state) {
  if (line.kind === 'start') state.started = true;
  if (line.kind === 'end') state.done = true;
  if (line.kind === 'error' && !state.done) throw new Error(`The suite broke in the extension host:\n${line.message}`);
  if (line.kind === 'pass') {
    state.counts.passed++;
    console.log(`  ✓ ${line.title.join(' > ')} (${line.ms} ms)`);
  }
  if (line.kind === 'skip') {
    state.counts.skipped++;
    console.log(`  - ${line.title.join(' > ')}`);
  }
  if (line.kind === 'fail') {
    state.counts.failed++;
    state.counts.failures.push(line.title.join(' > '));
    console.log(`  ✗ ${line.title.join(' > ')}\n${line.message.replace(/^/gm, '      ')}`);
  }
}
