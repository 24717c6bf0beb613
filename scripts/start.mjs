// `npm start`: from a fresh clone to an editor on examples/ in which the quickstart trains and its dashboard is open.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startCodeServer, writeProfile } from './editor.mjs';
import { ensureInstalled } from './install.mjs';
import { ensureCompiler } from './kernels.mjs';
import { packageExtension } from './vsix.mjs';
import { main, root, run, which } from './process.mjs';

const examples = join(root, 'examples');
const experiment = join(examples, 'quickstart.tessera.jsonc');
const settings = { 'tessera.openDashboardForLiveRuns': true };

main(async () => {
  ensureInstalled();
  await ensureCompiler();
  const vsix = packageExtension();
  console.log(await startRun());
  // A profile of its own, so that neither settings nor extensions of the user's editor are touched.
  const options = {
    folder: examples,
    profile: join(homedir(), '.cache', 'tessera', 'start'),
    extensions: [vsix],
    settings,
  };
  if (which('code')) await openDesktop(options);
  else await serveInBrowser(options);
});

/**
 * Starts the quickstart detached, as the extension would, and says what came of it. A run that is alive already is
 * one answer of the trainer among others: its dashboard opens just the same.
 * @returns {Promise<string>}
 */
async function startRun() {
  const child = spawn(process.execPath, [join(root, 'dist', 'trainer.mjs'), 'pretrain', experiment], {
    cwd: examples,
    detached: true,
    windowsHide: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    child.unref();
    child.stdout.destroy();
    const { ready, error } = JSON.parse(line);
    return ready ? `The quickstart trains in ${ready.runDirectory}.` : error.message;
  }
  throw new Error('The trainer ended before it said anything.');
}

/** @param {import('./editor.mjs').EditorOptions} options */
async function openDesktop(options) {
  // In the terminal of a remote window `code` speaks to that window, which has one profile only: the user's.
  if (process.env.VSCODE_IPC_HOOK_CLI) {
    run('code', ['--install-extension', options.extensions[0] ?? '', '--force']);
    run('code', ['--new-window', options.folder, experiment]);
    console.log('Opened in your remote VS Code. Press ◫ Dashboard above the pretrain block to see the run.');
    return;
  }
  const { userData, extensionsDir } = await writeProfile(options);
  const folders = ['--user-data-dir', userData, '--extensions-dir', extensionsDir];
  run('code', [...folders, '--install-extension', options.extensions[0] ?? '', '--force']);
  run('code', [...folders, '--new-window', '--disable-workspace-trust', options.folder, experiment]);
  console.log('Opened in VS Code, with a profile of its own.');
}

/** @param {import('./editor.mjs').EditorOptions} options */
async function serveInBrowser(options) {
  console.log('No `code` command on PATH: opening VS Code in the browser instead.');
  await rm(options.profile, { recursive: true, force: true });
  const server = await startCodeServer(options);
  process.once('exit', () => {
    console.log(
      '\nThe editor is closed. The run goes on; in examples/, `npx tessera list` shows it and `npx tessera stop` ends it.',
    );
  });
  const { host } = new URL(server.url);
  const open = new URL(server.url);
  open.searchParams.set('folder', examples);
  open.searchParams.set('payload', JSON.stringify([['openFile', `vscode-remote://${host}${experiment}`]]));
  console.log(`\n  VS Code: ${open}\n\nIt answers on this machine only and asks for no password. Ctrl-C closes it.`);
  await server.closed;
}
