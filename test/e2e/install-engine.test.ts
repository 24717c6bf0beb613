// Installing an engine from the palette, as far as it goes without a network: what is chosen is no TensorFlow.
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { openWorkbench, type Workbench } from './workbench';

let workbench: Workbench;
beforeAll(async () => {
  workbench = await openWorkbench({
    kind: inject('editorKind'),
    vsix: inject('vsix'),
    files: { 'tiny.tessera.jsonc': '{}', 'empty/read.me': 'No TensorFlow.' },
    settings: { 'files.simpleDialog.enable': true },
  });
});
afterAll(async () => await workbench?.close());

it('says what is wrong with a folder that is no TensorFlow, before anything is downloaded', async () => {
  const { page, folder } = workbench;
  await workbench.openFile('tiny.tessera.jsonc');
  await workbench.runCommand('Tessera: Install TensorFlow Engine...');
  await workbench.pick('CPU');
  await workbench.pick('Folder...');
  await page.locator('.quick-input-list .monaco-list-row', { hasText: 'empty' }).click();
  const input = page.locator('.quick-input-widget input[type=text]');
  await expect.poll(() => input.inputValue(), { timeout: 30_000 }).toBe(`${folder}/empty/`);
  await workbench.screenshot('install-engine-folder');
  await page.locator('.quick-input-widget .monaco-button', { hasText: 'OK' }).click();
  const message = page.locator('.notification-list-item', { hasText: 'holds no TensorFlow' });
  await message.waitFor({ timeout: 120_000 });
  await workbench.screenshot('install-engine-refused');
  expect(await message.innerText()).toContain(`${folder}/empty`);
});
