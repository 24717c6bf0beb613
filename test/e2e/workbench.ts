// What a person does in the editor, as functions: tests name intentions, and the workbench's DOM is known only here.
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FrameLocator, Locator, Page } from 'playwright-core';
import { openWindow, type EditorKind } from '../../scripts/editor.mjs';
import { endTrainers, runDirectories } from '../setup/trainers';

export type Theme = keyof typeof themes;

/** The four theme kinds, each by a theme that VS Code brings along: its label, and the workbench's class under it. */
export const themes = {
  dark: { label: 'Dark Modern', kind: 'vs-dark' },
  light: { label: 'Light Modern', kind: 'vs' },
  'high-contrast': { label: 'Dark High Contrast', kind: 'hc-black' },
  'high-contrast-light': { label: 'Light High Contrast', kind: 'hc-light' },
} as const;

export interface WorkbenchOptions {
  readonly kind: EditorKind;
  /** The packaged extension. */
  readonly vsix: string;
  /** Text files of the workspace folder, by their path in it. */
  readonly files: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Device pixels for each CSS pixel. */
  readonly scale?: number;
}

export interface Workbench {
  readonly page: Page;
  /** The workspace folder on disk. */
  readonly folder: string;
  /** Runs a command of the palette by its full title, such as "Tessera: Doctor". */
  runCommand(title: string): Promise<void>;
  /** Takes the row with this text in the quick pick that is open. */
  pick(text: string): Promise<void>;
  openFile(name: string): Promise<void>;
  /** A CodeLens of the open editor whose text contains this. */
  codeLens(text: string | RegExp): Locator;
  /** The rows of the run explorer, which it opens first. */
  runRows(): Promise<Locator>;
  /** The contents of the dashboard in front. */
  dashboard(): FrameLocator;
  /** Reloads the window as `Developer: Reload Window` does: the extension host goes and comes back. */
  reload(): Promise<void>;
  setTheme(theme: Theme): Promise<void>;
  /** How long an extension's `activate()` took, in milliseconds, as `Developer: Show Running Extensions` has it. */
  activationTime(extension: string): Promise<number>;
  /** The run directories under the workspace folder. */
  runDirectories(): Promise<string[]>;
  /** Writes a picture of the window into the folder that TESSERA_SCREENSHOTS names; does nothing without it. */
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

export async function openWorkbench(options: WorkbenchOptions): Promise<Workbench> {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'tessera-e2e-')));
  const folder = join(scratch, 'workspace');
  const profile = join(scratch, 'profile');
  for (const [name, text] of Object.entries(options.files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const { page, close: closeWindow } = await openWindow({
    kind: options.kind,
    folder,
    profile,
    extensions: [options.vsix],
    settings: { 'editor.minimap.enabled': false, ...options.settings },
    viewport: options.viewport,
    scale: options.scale,
  }).catch(async (error: unknown) => {
    await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  });

  /** Types into the quick pick that is open and takes the first row that has the text. */
  async function choose(text: string, typed = text): Promise<void> {
    const input = page.locator('.quick-input-widget input[type=text]');
    await input.fill(typed);
    await page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first().click();
  }

  async function runCommand(title: string): Promise<void> {
    await page.keyboard.press('F1');
    await choose(title, `>${title}`);
  }

  async function openFile(name: string): Promise<void> {
    await page.keyboard.press('ControlOrMeta+P');
    await choose(name);
    await page.locator('.tab.active', { hasText: name }).waitFor();
  }

  async function runRows(): Promise<Locator> {
    const tree = page.locator('.part.sidebar .pane-body .monaco-list-row');
    const tab = page.locator('.part.activitybar .action-item', {
      has: page.locator('.action-label[aria-label^="Tessera"]'),
    });
    if ((await tab.getAttribute('aria-expanded')) !== 'true') await tab.click(); // a second click would close it
    return tree;
  }

  async function setTheme(theme: Theme): Promise<void> {
    await runCommand('Preferences: Color Theme');
    await choose(themes[theme].label);
    await page.locator(`.monaco-workbench.${themes[theme].kind}`).waitFor();
  }

  return {
    page,
    folder,
    runCommand,
    pick: choose,
    openFile,
    codeLens: (text) => page.locator('.codelens-decoration a', { hasText: text }).first(),
    runRows,
    dashboard: () => page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame'),
    reload: async () => {
      await Promise.all([page.waitForEvent('domcontentloaded'), runCommand('Developer: Reload Window')]);
      await page.locator('.monaco-workbench .part.statusbar').waitFor({ timeout: 90_000 });
    },
    setTheme,
    activationTime: async (extension) => {
      await runCommand('Developer: Show Running Extensions');
      const row = page.locator('.runtime-extensions-editor .monaco-list-row', { hasText: extension }).first();
      const text = await row.locator('.activation-time').innerText();
      const [, milliseconds] = /(\d+)\s*ms/.exec(text) ?? [];
      if (milliseconds === undefined) throw new Error(`The activation of ${extension} is described as "${text}"`);
      return Number(milliseconds);
    },
    runDirectories: () => runDirectories(folder),
    screenshot: async (name) => {
      const target = process.env.TESSERA_SCREENSHOTS;
      if (target !== undefined) await page.screenshot({ path: join(target, `${name}.png`) });
    },
    close: async () => {
      await closeWindow();
      await endTrainers(folder);
      await rm(scratch, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
