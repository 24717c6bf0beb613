import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readJournal } from '../../client';
import { openWorkbench, type Workbench } from './workbench';

const config = `{
  // Small enough to show a loss within seconds, long enough to be live still after a reload.
  "data": { "source": "builtin:shapes", "imageSize": 32, "train": 512, "test": 128 },
  "pretrain": {
    "backbone": { "patchSize": 4, "width": 48, "depth": 2, "heads": 3 },
    "decoder": { "width": 48, "depth": 1, "heads": 3 },
    "batchSize": 32,
    "steps": 200000,
    "logEvery": 10
  }
}
`;

describe('from ▶ Pretrain to a curve, and back after a reload', () => {
  let workbench: Workbench;
  beforeAll(async () => {
    workbench = await openWorkbench({
      kind: inject('editorKind'),
      vsix: inject('vsix'),
      files: { 'tiny.tessera.jsonc': config },
    });
  });
  afterAll(() => workbench?.close());

  const lossCurve = () => workbench.dashboard().locator('canvas[data-metric="train/loss"]');

  /** The last step of the loss curve, as a screen reader hears it. */
  async function lastStep(): Promise<number> {
    const text = (await lossCurve().getAttribute('aria-label')) ?? '';
    const [, step] = /over steps [\d,.]+ to ([\d,.]+):/.exec(text) ?? [];
    if (step === undefined) throw new Error(`The loss curve is described as "${text}"`);
    return Number(step.replace(/\D/g, ''));
  }

  it('starts from the lens above the block and shows the loss', async () => {
    await workbench.openFile('tiny.tessera.jsonc');
    await workbench.codeLens('Pretrain').click();
    await lossCurve().waitFor({ timeout: 60_000 });
    await expect.poll(lastStep, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(await workbench.runDirectories()).toHaveLength(1);
    await workbench.screenshot('pretrain-live');
  });

  it('lists the run in the explorer', async () => {
    const rows = await workbench.runRows();
    await expect
      .poll(() => rows.allInnerTexts(), { timeout: 30_000 })
      .toEqual(
        expect.arrayContaining([
          expect.stringContaining('tiny'),
          expect.stringMatching(/\d\/200,000 · loss/),
        ]) as string[],
      );
    await workbench.screenshot('explorer');
  });

  it('is live still when the window has been reloaded, and no step is missing', async () => {
    const before = await lastStep();
    await workbench.reload();
    await lossCurve().waitFor({ timeout: 60_000 });
    await expect.poll(lastStep, { timeout: 60_000 }).toBeGreaterThan(before);
    const [directory] = await workbench.runDirectories();
    const { events } = await readJournal(directory!);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index));
    expect(events.filter(({ type }) => type === 'launched')).toHaveLength(1);
  });

  it('stops from the dashboard, with a checkpoint', async () => {
    await workbench.dashboard().getByRole('button', { name: 'Stop' }).click();
    const [directory] = await workbench.runDirectories();
    const ended = async () => {
      const { events } = await readJournal(directory!);
      return events.slice(-2).map((event) => (event.type === 'status' ? event.status : event.type));
    };
    await expect.poll(ended, { timeout: 30_000 }).toEqual(['checkpoint', 'stopped']);
    await workbench
      .dashboard()
      .getByText(/stopped/i)
      .first()
      .waitFor();
  });
});
