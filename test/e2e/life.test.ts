import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { liveOwner, readJournal } from '../../client';
import { parseExperiment } from '../../protocol/validate';
import { openWorkbench, themes, type Theme, type Workbench } from './workbench';

const config = `{
  "data": { "source": "builtin:shapes", "imageSize": 32, "train": 256, "test": 64 },
  "pretrain": {
    "backbone": { "patchSize": 8, "width": 32, "depth": 1, "heads": 2 },
    "decoder": { "width": 32, "depth": 1, "heads": 2 },
    "batchSize": 32,
    "steps": 200000,
    "logEvery": 10,
    "checkpointEvery": 100
  }
}
`;

/** As long as a busy machine may take for what a person sees at once. */
const patience = { timeout: 60_000 };

describe('the life of a run, from its config to the trash', () => {
  let workbench: Workbench;
  const complaints: string[] = [];
  beforeAll(async () => {
    workbench = await openWorkbench({
      kind: inject('editorKind'),
      vsix: inject('vsix'),
      files: { 'tiny.tessera.jsonc': config },
    });
    // What a webview may not do, or fails to do, is said in the console of the window.
    workbench.page.on('console', (message) => {
      const where = message.location().url;
      const ours = /dashboard\.(js|css)/.test(where) || message.text().includes('Content Security Policy');
      if (message.type() === 'error' && ours) complaints.push(`${where}: ${message.text()}`);
    });
    workbench.page.on('pageerror', ({ stack = '' }) => {
      if (stack.includes('dashboard.js')) complaints.push(stack);
    });
  });
  afterAll(() => workbench?.close());

  const chip = () => workbench.dashboard().locator('.chip');
  const cursorText = () =>
    workbench
      .dashboard()
      .locator('.cursor')
      .getByText(/^step [\d,]+/);

  async function onlyRun(): Promise<string> {
    const directories = await workbench.runDirectories();
    expect(directories).toHaveLength(1);
    return directories[0]!;
  }

  it('begins with New Experiment: three questions, then a valid config on the screen', async () => {
    await (await workbench.runRows()).first().waitFor(); // the palette does not know the commands before
    await workbench.runCommand('Tessera: New Experiment');
    await workbench.pick('builtin:shapes');
    await workbench.pick('simclr');
    await workbench.pick('tiny');
    await workbench.page.locator('.tab.active', { hasText: 'simclr-shapes.tessera.jsonc' }).waitFor();
    await workbench.codeLens('Pretrain').waitFor();
    const text = await readFile(join(workbench.folder, 'simclr-shapes.tessera.jsonc'), 'utf8');
    expect(parseExperiment(text)).toMatchObject({ ok: true });
    await workbench.screenshot('new-experiment');
  });

  it('is seen in the explorer from its first second', async () => {
    const rows = await workbench.runRows();
    await rows.filter({ hasText: 'no runs yet' }).first().waitFor();
    await workbench.openFile('tiny.tessera.jsonc');
    await workbench.codeLens('Pretrain').click();
    await rows.filter({ hasText: /\d\/200,000 · loss/ }).waitFor(patience);
  });

  it('is offered for Resume when its trainer is killed, and goes on from its checkpoint', async () => {
    const directory = await onlyRun();
    const types = async () => (await readJournal(directory)).events.map(({ type }) => type);
    await expect.poll(types, patience).toContain('checkpoint');
    const owner = await liveOwner(directory);
    process.kill(owner!.pid, 'SIGKILL');
    await expect.poll(() => chip().textContent(), patience).toBe('crashed');
    await workbench.dashboard().getByText('The trainer process died').waitFor();
    await workbench.screenshot('crashed');

    await workbench.dashboard().locator('.banner').getByRole('button', { name: 'Resume' }).click();
    const launches = async () => {
      const { events } = await readJournal(directory);
      return events.filter((event) => event.type === 'launched').map(({ fromStep }) => fromStep > 0);
    };
    await expect.poll(launches, patience).toEqual([false, true]);
    await expect.poll(() => chip().textContent(), patience).toBe('running');
  });

  it('comes back after a reload on the step that was looked at', async () => {
    await workbench.dashboard().getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => chip().textContent(), patience).toBe('stopped');
    await workbench.dashboard().getByRole('slider', { name: /step/i }).last().press('Home');
    await expect.poll(() => cursorText().textContent(), patience).toBe('step 1');
    await workbench.reload();
    await expect.poll(() => cursorText().textContent(), patience).toBe('step 1');
    expect(await chip().textContent()).toBe('stopped');
  });

  it('looks right in every kind of theme, and breaks no rule of a webview', async () => {
    for (const theme of Object.keys(themes) as Theme[]) {
      await workbench.setTheme(theme);
      const ground = () =>
        workbench
          .dashboard()
          .locator('body')
          .evaluate((body) => getComputedStyle(body).backgroundColor);
      await expect
        .poll(ground)
        .toMatch(/light/.test(theme) ? /rgb\(2\d\d, 2\d\d, 2\d\d\)/ : /rgb\((\d\d?, ){2}\d\d?\)/);
      await workbench.screenshot(`theme-${theme}`);
    }
    expect(complaints).toEqual([]);
  });

  it('ends in Delete Run, which asks first', async () => {
    const { page } = workbench;
    const row = (await workbench.runRows()).filter({ hasText: /\/200,000/ });
    await row.click({ button: 'right' });
    // By key: a menu that has just opened takes no click.
    await page.locator('.monaco-menu .action-item', { hasText: 'Delete Run' }).hover();
    await page.keyboard.press('Enter');
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.getByText(/Delete the run of/).waitFor();
    await workbench.screenshot('delete-run');
    await onlyRun(); // nothing is gone while the question stands
    await dialog.getByRole('button', { name: 'Move to Trash' }).click();
    // A server has no trash: that is said, and asked anew.
    if (inject('editorKind') === 'code-server') {
      await dialog.getByRole('button', { name: 'Delete Permanently' }).click();
    }
    await expect.poll(() => workbench.runDirectories(), patience).toEqual([]);
    await row.waitFor({ state: 'detached' });
  });
});
