// A real VS Code with our VSIX in it: the server that `npm start` falls back to, and the window that tests drive.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { codeServer } from './code-server.mjs';
import { endGroup, run, which } from './process.mjs';
import { systemPackages } from './system-packages.mjs';

/**
 * @typedef {object} EditorOptions
 * @property {string} folder the workspace folder to open
 * @property {string} profile a folder for user data and extensions; nothing of the user's own editor is touched
 * @property {string[]} extensions VSIX files to install
 * @property {Record<string, unknown>} [settings] user settings on top of the quiet ones
 * @property {Record<string, string>} [env] further environment of the editor's processes
 * @property {number} [idleSeconds] a code-server that nobody looks at for so long ends by itself
 *
 * @typedef {{url: string, closed: Promise<unknown>, close: () => Promise<void>}} EditorServer
 * @typedef {import('playwright-core').Page} Page
 * @typedef {{page: Page, close: () => Promise<void>}} EditorWindow
 * @typedef {'desktop' | 'code-server'} EditorKind
 */

export const desktopVersion = '1.139.0';

const quietSettings = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'git.openRepositoryInParentFolders': 'never',
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'window.commandCenter': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

/** A server on a free loopback port. It asks for no password, which is acceptable only because nothing but loopback hears it. */
export async function startCodeServer(/** @type {EditorOptions} */ options) {
  const { node, entry } = await codeServer();
  const { userData, extensionsDir } = await writeProfile(options);
  const folders = ['--user-data-dir', userData, '--extensions-dir', extensionsDir];
  const config = join(options.profile, 'code-server.yaml'); // without it the user's own configuration would be read
  await writeFile(config, '');
  for (const vsix of options.extensions) {
    run(node, [entry, '--config', config, ...folders, '--install-extension', vsix, '--force'], { stdio: 'pipe' });
  }
  const child = spawn(
    node,
    [
      ...[entry, '--config', config, ...folders, '--bind-addr', '127.0.0.1:0', '--auth', 'none'],
      ...['--disable-telemetry', '--disable-update-check', '--disable-workspace-trust', '--ignore-last-opened'],
      ...(options.idleSeconds ? ['--idle-timeout-seconds', String(options.idleSeconds)] : []),
      options.folder,
    ],
    { env: editorEnv(options), stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  return served(child);
}

/**
 * @param {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, import('node:stream').Readable>} child
 * @returns {Promise<EditorServer>} when it accepts connections
 */
function served(child) {
  const closed = new Promise((resolve) => child.once('close', resolve));
  const close = async () => {
    process.off('exit', atExit);
    await endGroup(child);
  };
  const atExit = () => void endGroup(child, 0);
  process.once('exit', atExit);
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
      const address = /HTTP server listening on (http:\/\/[\d.:]+)/.exec(output);
      if (address?.[1]) resolve({ url: `${address[1]}/`, closed, close });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    closed.then(() => reject(new Error(`code-server ended before it listened:\n${output}`)), reject);
    child.once('error', reject);
  });
}

/**
 * Opens the folder in a window that Playwright drives, and resolves when the workbench is there.
 * @param {EditorOptions & {kind: EditorKind, viewport?: {width: number, height: number}, scale?: number}} options
 * @returns {Promise<EditorWindow>}
 */
export async function openWindow(options) {
  const opened = options.kind === 'desktop' ? await openDesktop(options) : await openInBrowser(options);
  try {
    await opened.page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 90_000 });
  } catch (error) {
    await opened.close();
    throw error;
  }
  return opened;
}

/** @param {Parameters<typeof openWindow>[0]} options */
async function openInBrowser(options) {
  const { chromium } = await import('playwright-core');
  const executablePath = await chromiumPath();
  // Should this process be killed, the server does not stay behind.
  const server = await startCodeServer({ idleSeconds: 300, ...options });
  /** @type {import('playwright-core').Browser | undefined} */
  let browser;
  const close = async () => {
    await browser?.close();
    await server.close();
  };
  try {
    browser = await chromium.launch({
      executablePath,
      args: [
        ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
        ...['--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
      ],
    });
    const page = await browser.newPage({
      viewport: options.viewport ?? { width: 1440, height: 900 },
      deviceScaleFactor: options.scale ?? 1,
    });
    await page.goto(server.url, { waitUntil: 'domcontentloaded' });
    return { page, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @param {Parameters<typeof openWindow>[0]} options */
async function openDesktop(options) {
  const { _electron: electron } = await import('playwright-core');
  const { resolveCliPathFromVSCodeExecutablePath } = await import('@vscode/test-electron');
  const executablePath = await desktop();
  const { userData, extensionsDir } = await writeProfile(options);
  const folders = ['--user-data-dir', userData, '--extensions-dir', extensionsDir];
  const cli = resolveCliPathFromVSCodeExecutablePath(executablePath);
  for (const vsix of options.extensions) {
    run(cli, [...folders, '--install-extension', vsix, '--force'], { shell: process.platform === 'win32' });
  }
  const app = await electron.launch({
    executablePath,
    args: [
      ...[options.folder, ...folders, '--no-sandbox', '--disable-gpu', '--disable-updates', '--skip-welcome'],
      ...['--skip-release-notes', '--disable-workspace-trust', '--disable-telemetry'],
    ],
    env: /** @type {Record<string, string>} */ (editorEnv(options)),
  });
  return { page: await app.firstWindow(), close: () => app.close() };
}

/** The executable of desktop VS Code, downloaded once into our cache. */
export async function desktop() {
  const { downloadAndUnzipVSCode } = await import('@vscode/test-electron');
  return downloadAndUnzipVSCode({ version: desktopVersion, cachePath: join(homedir(), '.cache', 'tessera', 'vscode') });
}

/**
 * Desktop VS Code where it is or can be downloaded, otherwise code-server. TESSERA_EDITOR decides without trying.
 * @returns {Promise<EditorKind>}
 */
export async function editorKind() {
  const asked = process.env.TESSERA_EDITOR;
  if (asked === 'desktop' || asked === 'code-server') return asked;
  if (asked) throw new Error(`TESSERA_EDITOR is "${asked}"; it can be "desktop" or "code-server".`);
  try {
    await desktop();
    return 'desktop';
  } catch (error) {
    console.log(
      `VS Code cannot be downloaded here (${error instanceof Error ? error.message : String(error)}); using code-server.`,
    );
    return 'code-server';
  }
}

/** A browser of the Chromium family: on PATH, or where macOS and Windows have it. */
export async function chromiumPath() {
  const programs = process.env.PROGRAMFILES ?? 'C:\\Program Files';
  const places = [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    join(programs, 'Google', 'Chrome', 'Application', 'chrome.exe'),
    join(`${programs} (x86)`, 'Microsoft', 'Edge', 'Application', 'msedge.exe'),
  ];
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const find = () => names.map(which).find((path) => path !== undefined) ?? places.find((path) => existsSync(path));
  await systemPackages([['chromium', find]]);
  return find();
}

/** @param {EditorOptions} options */
export async function writeProfile({ profile, settings }) {
  const userData = join(profile, 'user-data');
  const extensionsDir = join(profile, 'extensions');
  await mkdir(join(userData, 'User'), { recursive: true });
  await mkdir(extensionsDir, { recursive: true });
  await writeFile(join(userData, 'User', 'settings.json'), JSON.stringify({ ...quietSettings, ...settings }, null, 2));
  return { userData, extensionsDir };
}

/** An editor that is started from an editor's terminal must not take itself for a part of that one. */
function editorEnv(/** @type {EditorOptions} */ options) {
  const own = Object.entries(process.env).filter(([key]) => !/^(VSCODE_|ELECTRON_|npm_|PORT$)/i.test(key));
  return { ...Object.fromEntries(own), ...options.env };
}
