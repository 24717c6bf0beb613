/** What a person waits for in the editor: from ▶ Pretrain to the first point on the curve, and for the extension to wake. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { editorKind } from '../scripts/editor.mjs';
import { testVsix } from '../scripts/vsix.mjs';
import { root } from '../scripts/process.mjs';
import { openWorkbench } from '../test/e2e/workbench';

const rounds = 3;

interface Row {
  /** From the click on ▶ Pretrain to a loss in the dashboard, in seconds. */
  readonly firstPoint: number;
  /** `activate()` as the editor's list of running extensions gives it, in milliseconds. */
  readonly activation: number;
}

/** Measures the quickstart in the packaged extension, each round in a fresh editor and profile. */
export async function editor(): Promise<{ kind: string; rows: Row[] }> {
  const kind = await editorKind();
  const vsix = testVsix();
  const name = 'quickstart.tessera.jsonc';
  const files = { [name]: await readFile(join(root, 'examples', name), 'utf8') };
  const rows: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    const workbench = await openWorkbench({ kind, vsix, files });
    try {
      await workbench.openFile(name);
      const lens = workbench.codeLens('Pretrain');
      await lens.waitFor();
      const pressed = performance.now();
      await lens.click();
      await workbench.dashboard().locator('canvas[data-metric="train/loss"]').waitFor({ timeout: 120_000 });
      const firstPoint = (performance.now() - pressed) / 1000;
      const row = { firstPoint, activation: await workbench.activationTime('Tessera') };
      rows.push(row);
      console.log(`${kind}: first point after ${firstPoint.toFixed(2)} s, activate() ${row.activation} ms`);
    } finally {
      await workbench.close();
    }
  }
  return { kind, rows };
}
