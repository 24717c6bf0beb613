// The report as a person uses it, in a browser, under the policy of a webview.
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../protocol/events';
import { launchBrowser, openDashboard, type Dashboard } from './dashboard/harness';
import { clustered, corrupted, found, journal, looked, scored, training } from './dashboard/run';
import { pageThemes, type PageThemeName } from './dashboard/themes';

const trained = journal([...training(4000, 4000), { type: 'status', status: 'finished' }]);
const judged = [
  ...trained,
  ...journal(
    [
      found('probe', 2000, 0.612),
      found('probe', 4000, 0.714),
      scored(4000, 'finetune', 0.689, 0.601),
      found('knn', 4000, 0.58),
      clustered(4000, 0.583, 0.241),
      corrupted(4000),
      looked(4000),
      { type: 'report', file: 'evaluations/report.json', leftOut: ['transfer of step 4,000: no other data set'] },
    ],
    trained.length,
  ),
];

let browser: Browser;
let opened: Dashboard[] = [];
beforeAll(async () => {
  browser = await launchBrowser();
});
afterEach(async () => {
  const complaints = opened.flatMap(({ complaints }) => complaints);
  await Promise.all(opened.map((report) => report.close()));
  opened = [];
  expect(complaints).toEqual([]);
});
afterAll(() => browser.close());

async function openReport(events: readonly RunEvent[], theme: PageThemeName = 'dark'): Promise<Dashboard> {
  const report = await openDashboard(browser, { page: 'report', theme });
  opened.push(report);
  await report.snapshot(events, 'finished');
  return report;
}

describe('the report', () => {
  it('puts checkpoints side by side, each score beside its baseline, and marks the best', async () => {
    const { page } = await openReport(judged);
    const board = page.getByRole('table', { name: /95% bootstrap intervals/ });
    await board.waitFor();
    expect(await board.getByRole('columnheader').allTextContents()).toEqual(
      expect.arrayContaining([
        expect.stringContaining('step 2,000'),
        expect.stringContaining('step 4,000'),
      ]) as string[],
    );
    const probe = board.getByRole('row', { name: /^linear probe/ });
    const [first, second] = await probe.getByRole('cell').allTextContents();
    expect(first).toMatch(/61\.2%[^★]*random init\s+20\.0%/);
    expect(second).toMatch(/71\.4%\s*★/);
    expect(await page.getByRole('img', { name: /^linear probe\. 2,000: 61\.2% .*; 4,000: 71\.4%/ }).count()).toBe(1);
    await page.getByText('transfer of step 4,000: no other data set').waitFor();
  });

  it('shows what is taken for what, and lists the worst', async () => {
    const { page } = await openReport(judged);
    const matrix = page.locator('.confusion');
    await matrix.waitFor();
    const [, ...cells] = await matrix.locator('tbody tr').first().locator('th, td').allTextContents();
    expect(cells.slice(0, 3).map((text) => text.trim())).toEqual(['85', '15', '']);
    expect(await page.locator('.mistakes li').first().textContent()).toMatch(/circle taken for square\s+15%/);
    await page.locator('#confusion').getByLabel('As table').click();
    await page.locator('#confusion .pager').getByText('of 100').waitFor();
  });

  it('shows the nearest neighbours, and underlines those of another class', async () => {
    const { page, sent } = await openReport(judged);
    const panel = page.locator('#neighbours');
    await panel.locator('canvas[data-painted]').first().waitFor();
    expect(await panel.locator('canvas').count()).toBe(36);
    expect(await panel.locator('canvas[data-other]').count()).toBe(8);
    await panel.getByText('taken for cross').waitFor();
    await panel.getByRole('button', { name: 'CSV' }).click();
    expect(String((await sent('save'))[0]!.data).split('\n')[0]).toMatch(/^step,image,class,vote,neighbour/);
  });

  it('has the panels of clusters, corruptions and health', async () => {
    const { page } = await openReport(judged);
    for (const id of ['clusters', 'robustness', 'health']) await page.locator(`#${id}`).waitFor();
  });

  it('is saved as Markdown and as JSON', async () => {
    const { page, sent } = await openReport(judged);
    for (const name of ['Markdown', 'JSON']) await page.getByRole('button', { name }).click();
    const [markdown, json] = await sent('save');
    expect(markdown).toMatchObject({ mime: 'text/markdown', data: expect.stringContaining('## Step 4,000') as string });
    expect((JSON.parse(String(json!.data)) as { steps: number[] }).steps).toEqual([2000, 4000]);
  });

  it('says how to begin where nothing was judged, and fills while an evaluation goes on', async () => {
    const { page, post, sent } = await openReport(trained);
    await page.getByText('Nothing was judged yet').waitFor();
    await page.getByRole('button', { name: 'Evaluate…' }).click();
    expect(await sent('evaluate')).toHaveLength(1);
    const events = journal([found('probe', 4000, 0.714)], trained.length);
    await post({ type: 'events', events, liveStatus: 'finished', alive: true });
    await page
      .getByRole('row', { name: /^linear probe/ })
      .getByText('71.4%')
      .waitFor();
  });

  it.each(Object.keys(pageThemes) as PageThemeName[])(
    'stands in the %s theme within the width of the page',
    async (theme) => {
      const { page } = await openReport(judged, theme);
      await page.locator('#health').waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(true);
    },
  );
});
