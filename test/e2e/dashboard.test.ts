// The dashboard as a person uses it, in a browser, under the policy of a webview.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../protocol/events';
import { launchBrowser, openDashboard, pretended } from './dashboard/harness';
import type { Dashboard, OpenOptions } from './dashboard/harness';
import {
  clustered,
  clusterFile,
  corrupted,
  embeddingFile,
  journal,
  healthFile,
  launched,
  looked,
  metricRow,
  picturesFile,
  scored,
  training,
} from './dashboard/run';
import { extent } from '../../webview/numbers/plane';
import { toScreen } from '../../webview/map-canvas';
import { pageThemes } from './dashboard/themes';
import type { PageThemeName } from './dashboard/themes';

const running = journal([
  ...training(2640, 4000),
  scored(2000, 'probe', 0.714, 0.382),
  { type: 'notice', level: 'warning', message: 'Skipped broken/one.png: truncated' },
]);

let browser: Browser;
let opened: Dashboard[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
});
afterEach(async () => {
  const complaints = opened.flatMap(({ complaints }) => complaints);
  await Promise.all(opened.map((dashboard) => dashboard.close()));
  opened = [];
  // No violation of the policy, no error in the console, no request that failed, whatever the test did.
  expect(complaints).toEqual([]);
});
afterAll(() => browser.close());

async function open(options?: OpenOptions): Promise<Dashboard> {
  const dashboard = await openDashboard(browser, options);
  opened.push(dashboard);
  return dashboard;
}

async function openRunning(options?: OpenOptions, events: readonly RunEvent[] = running): Promise<Dashboard> {
  const dashboard = await open(options);
  await dashboard.snapshot(events, 'running');
  await dashboard.page.locator('#curves canvas').first().waitFor();
  return dashboard;
}

/** What the page comes to within a time that a busy machine keeps as well. */
function soon<T>(read: () => T | Promise<T>) {
  return expect.poll(read, { timeout: 20_000 });
}

/** Whether anything was painted on a canvas. */
const isPainted = (canvas: HTMLCanvasElement) =>
  canvas
    .getContext('2d')!
    .getImageData(0, 0, canvas.width, canvas.height)
    .data.some((value) => value > 0);

describe('streaming', () => {
  it('asks for the run, paints a snapshot, and follows the rows after it', async () => {
    const { page, post, sent, snapshot } = await open();
    await soon(() => sent('ready')).toHaveLength(1);
    expect(await page.getByRole('status').textContent()).toContain('Reading the run');

    await snapshot(running, 'running');
    await page.getByText('2,640 / 4,000 steps').waitFor();
    const events = journal([{ ...metricRow(2650, 4000), values: { 'train/loss': 0.1234 } } as never], running.length);
    await post({ type: 'events', events, liveStatus: 'running', alive: true });
    await page.getByText('2,650 / 4,000 steps').waitFor();
    expect(await page.locator('.page-header').textContent()).toContain('0.123');
  });

  it('takes rows that it already has once, and asks again when some are missing', async () => {
    const { page, post, sent } = await openRunning();
    await post({ type: 'events', events: running.slice(-5), liveStatus: 'running', alive: true });
    expect(await sent('ready')).toHaveLength(1);
    await post({
      type: 'events',
      events: journal([metricRow(2700, 4000)], running.length + 7),
      liveStatus: 'running',
      alive: true,
    });
    await soon(() => sent('ready')).toHaveLength(2);
    await page.getByText('2,700 / 4,000 steps').waitFor();
  });

  it('paints 100,000 rows whole and stays quick to use', async () => {
    const steps = 1_000_000;
    const long = journal(training(steps, steps, { pictureEvery: 50_000, mapEvery: 200_000 }));
    const { page } = await openRunning({}, long);
    await page.getByText('1,000,000 / 1,000,000 steps').waitFor();
    expect(await page.locator('canvas[data-metric="train/loss"]').evaluate(isPainted)).toBe(true);
    await page.getByLabel('Step of everything on the page').press('Home');
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 10');
  });
});

describe('the step cursor', () => {
  it('moves everything on the page, and says which logged step is shown', async () => {
    const { page } = await openRunning();
    const cursor = page.getByLabel('Step of everything on the page');
    const reconstruction = page.locator('#pictures .steps output');
    const map = page.locator('#embedding .steps output');
    await soon(() => reconstruction.textContent()).toBe('step 2,600, nearest logged to 2,640');
    await soon(() => map.textContent()).toBe('step 2,000, nearest logged to 2,640');

    await cursor.press('ArrowLeft');
    await soon(() => reconstruction.textContent()).toBe('step 2,600');
    await cursor.press('ArrowLeft');
    await soon(() => reconstruction.textContent()).toBe('step 2,400');
    await cursor.press('Shift+ArrowLeft');
    await soon(() => reconstruction.textContent()).toBe('step 2,400, nearest logged to 2,390');
    expect(await page.locator('.curve.main output').textContent()).toContain('@ 2,390');

    await cursor.press('Home');
    await soon(() => map.textContent()).toBe('step 1,000, nearest logged to 10');
    await cursor.press('End');
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 2,640');
    expect(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed')).toBe('true');
  });

  it('is set by clicking a curve and by the slider of a picture', async () => {
    const { page } = await openRunning();
    const canvas = page.locator('canvas[data-metric="train/lr"]');
    const box = (await canvas.boundingBox())!;
    await canvas.click({ position: { x: box.width / 2, y: box.height / 2 } });
    await soon(() => page.locator('.cursor output').textContent()).toMatch(/^step 1,[12]\d0$/);

    await page.getByLabel('Step of the pictures').press('Home');
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 200');
    await page.locator('#pictures').getByLabel('Next logged step').click();
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 400');
  });

  it('stays where it is while new steps arrive, unless it is live', async () => {
    const { page, post } = await openRunning();
    await page.getByLabel('Step of everything on the page').press('ArrowLeft');
    await post({
      type: 'events',
      events: journal([metricRow(2650, 4000)], running.length),
      liveStatus: 'running',
      alive: true,
    });
    await page.getByText('2,650 / 4,000 steps').waitFor();
    expect(await page.locator('.cursor output').textContent()).toBe('step 2,600');
    await page.getByRole('button', { name: 'Live' }).click();
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 2,650');
  });

  it('plays the pictures to the last one', async () => {
    const { page } = await openRunning();
    const cursor = page.getByLabel('Step of everything on the page');
    await cursor.press('ArrowLeft');
    await cursor.press('ArrowLeft');
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 2,400');
    await page.getByRole('button', { name: 'Play' }).click();
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 2,600');
    await page.getByRole('button', { name: 'Play' }).waitFor();
  });
});

describe('curves', () => {
  it('show under the pointer what the table says', async () => {
    const { page } = await openRunning();
    const canvas = page.locator('canvas[data-metric="train/loss"]');
    const box = (await canvas.boundingBox())!;
    await canvas.hover({ position: { x: box.width * 0.6, y: 50 } });
    const readings = await page.locator('.curve output').allTextContents();
    const [loss, step] = readings[0]!.split(' @ ');
    // One crosshair for all: every curve reads at the same step.
    expect(readings.slice(0, 6).every((reading) => reading.endsWith(`@ ${step}`))).toBe(true);

    await canvas.click({ position: { x: box.width * 0.6, y: 50 } });
    await page.locator('#curves').getByLabel('As table').click();
    const row = page.locator('#curves tr[aria-current]');
    expect(await row.getByRole('rowheader').textContent()).toBe(step);
    expect(await row.getByRole('cell').first().textContent()).toBe(loss);
    expect(await page.locator('#curves caption').textContent()).toContain('Metrics by step');
  });

  it('turn the pages of their table', async () => {
    const { page } = await openRunning();
    await page.locator('#curves').getByLabel('As table').click();
    const pager = page.locator('#curves .pager');
    expect(await pager.textContent()).toContain('rows 251–264 of 264');
    await pager.getByRole('button', { name: 'First' }).click();
    await soon(() => pager.textContent()).toContain('rows 1–25 of 264');
    const first = running.find((event) => event.type === 'metrics')!;
    const cells = await page.locator('#curves tbody tr').first().getByRole('cell').allTextContents();
    expect(Number(cells[0])).toBeCloseTo(first.type === 'metrics' ? first.values['train/loss']! : NaN, 2);
  });

  it('zoom together by dragging and by key, and come back', async () => {
    const { page } = await openRunning();
    const canvas = page.locator('canvas[data-metric="train/loss"]');
    const note = page.locator('#curves .note');
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await soon(() => note.textContent()).toMatch(/steps \d.*–.* of 2,640/);
    const dragged = await note.textContent();

    await canvas.press('+');
    await soon(() => note.textContent()).not.toBe(dragged);
    await page.locator('#curves').getByRole('button', { name: 'reset' }).click();
    await soon(() => note.textContent()).not.toContain('of 2,640');
  });

  it('switch one axis to a logarithm and back', async () => {
    const { page } = await openRunning();
    const canvas = page.locator('canvas[data-metric="train/loss"]');
    const picture = () => canvas.evaluate((node: HTMLCanvasElement) => node.toDataURL());
    await page.mouse.move(0, 0);
    const linear = await picture();
    const log = page.locator('.curve.main').getByRole('button', { name: 'log' });
    await log.click();
    await soon(() => log.getAttribute('aria-pressed')).toBe('true');
    await soon(picture).not.toBe(linear);
    await log.click();
    await soon(picture).toBe(linear);
  });

  it('are saved as CSV with every row in full, and as PNG', async () => {
    const { page, sent } = await openRunning();
    await page.locator('#curves').getByRole('button', { name: 'CSV' }).click();
    const [table] = await sent('save');
    const lines = String(table!.data).trim().split('\r\n');
    expect(lines[0]).toBe(
      'step,train/loss,train/lr,perf/images_per_second,perf/memory_mb,perf/data_wait,train/grad_norm,eval/knn_top1',
    );
    expect(lines).toHaveLength(1 + 264);
    const first = metricRow(10, 4000);
    expect(lines[1]).toContain(first.type === 'metrics' ? String(first.values['train/loss']) : '');

    await page.locator('#curves').getByRole('button', { name: 'PNG' }).click();
    await soon(async () => (await sent('save')).length).toBe(2);
    const signature = await page.evaluate(() => {
      const message = window.sent.findLast(({ type }) => type === 'save') as { data: Uint8Array };
      return [...message.data.subarray(1, 4)];
    });
    expect(String.fromCharCode(...signature)).toBe('PNG');
  });
});

describe('pictures of the task', () => {
  it('are called what they show from the first, though no row comes that would paint them again', async () => {
    const { page, snapshot } = await open();
    await snapshot(running, 'finished');
    await page.locator('#pictures .tiles').waitFor();
    expect(await page.locator('#pictures h2').textContent()).toBe(picturesFile(2600).title);
  });

  it('show the columns of each image and say what they do not mean', async () => {
    const { page, sent } = await openRunning();
    await soon(() => page.locator('.tiles canvas[data-painted]').count()).toBe(24);
    expect(await page.locator('.tiles canvas').first().evaluate(isPainted)).toBe(true);
    const note = await page.locator('#pictures .note').textContent();
    expect(note).toBe('The loss counts only the hidden patches; the others are pasted from the original.');
    expect(await page.locator('.tiles .head span').allTextContents()).toEqual(picturesFile(2600).columns);

    await page.locator('#pictures').getByLabel('As table').click();
    const [image] = picturesFile(2600).images;
    const cells = page.locator('#pictures tbody tr').first();
    expect(await cells.textContent()).toContain(image!.loss.toPrecision(3));
    await page.locator('#pictures').getByRole('button', { name: 'PNG' }).click();
    await soon(async () => (await sent('save')).length).toBe(1);
  });

  it('show answers, and how views relate, as pictures and as tables', async () => {
    const told = picturesFile(2600);
    const images = told.images.map((image, i) => ({
      ...image,
      answer: { truth: '90°', guess: i === 0 ? '90°' : '180°', confidence: 0.75 },
    }));
    const related = {
      ...told,
      columns: ['posed', 'turned back'],
      images,
      similarities: { labels: ['a', 'b'], values: [1, 0.25, 0.25, 1] },
      distributions: [
        { title: 'positive pairs', values: [0.9, 0.8] },
        { title: 'negative pairs', values: [0.1, 0, -0.1] },
        { title: 'prototypes', axis: 'How often each was taken', values: [3, 1, 2] },
      ],
    };
    const { page } = await openRunning({
      media: {
        ...pretended,
        json: (file) => (file.includes('pictures') ? Promise.resolve(related) : pretended.json(file)),
      },
    });
    const panel = page.locator('#pictures');
    await panel.getByText('90°, right (75% sure)').waitFor();
    expect(await panel.getByText('180°, not 90° (75% sure)').count()).toBe(images.length - 1);
    await soon(() => page.locator('.tiles canvas[data-painted]').count()).toBe(2 * images.length);
    const [same, other] = await panel.locator('canvas.similarities').evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, 2, 1);
      return [data[3]!, data[7]!];
    });
    expect(same).toBe(255);
    expect(Math.abs(other - 0.25 * 255)).toBeLessThan(3);
    const labels = await panel
      .locator('.relation svg')
      .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('aria-label')));
    expect(labels).toEqual([
      'positive pairs: mean 0.850; negative pairs: mean 0',
      'How often each was taken; prototypes: mean 2.00',
    ]);

    await panel.getByLabel('As table').click();
    expect(await panel.locator('tbody tr').first().textContent()).toMatch(/90°\s*90°\s*75%/);
    expect(await panel.locator('table.matrix tr').first().textContent()).toMatch(/a\s*1\.00\s*0\.250/);
  });

  it('say what is wrong with a file that cannot be read or drawn', async () => {
    const { page } = await openRunning({
      media: {
        ...pretended,
        json: (file) =>
          file.includes('pictures')
            ? Promise.reject(new Error('pictures-002600.json is cut short'))
            : Promise.resolve({ ...embeddingFile(2000), points: [1] }),
      },
    });
    await page.locator('#pictures').getByText('is cut short').waitFor();
    await page.locator('#embedding').getByText('should have 2000 numbers in `points`').waitFor();
  });
});

describe('the embedding map', () => {
  it('is walked with the arrow keys, showing and saying the point', async () => {
    const { page } = await openRunning();
    const canvas = page.locator('.map .points');
    await canvas.press('ArrowRight');
    const card = page.locator('.card');
    const first = await card.getAttribute('data-point');
    await canvas.press('ArrowRight');
    await soon(() => card.getAttribute('data-point')).not.toBe(first);
    const index = Number(await card.getAttribute('data-point'));
    const { classes, labels, clusters } = embeddingFile(2000);
    const spoken = await page.locator('.map [role=status]').textContent();
    expect(spoken).toContain(`${classes![labels![index]!]}, cluster ${clusters[index]! + 1}`);
    await soon(() => card.locator('canvas').evaluate(isPainted)).toBe(true);
    await canvas.press('Escape');
    await soon(() => card.count()).toBe(0);
  });

  it('shows a point under the pointer, and groups by label or cluster', async () => {
    const { page } = await openRunning();
    const canvas = page.locator('.map .points');
    await canvas.waitFor();
    // The rightmost point, which no other hides.
    const { points } = embeddingFile(2000);
    const xs = points.filter((_, i) => i % 2 === 0);
    const index = xs.indexOf(Math.max(...xs));
    const size = await canvas.evaluate(({ clientWidth, clientHeight }) => ({ clientWidth, clientHeight }));
    const whole = { zoom: 1, x: 0, y: 0 };
    await canvas.hover({ position: toScreen(size, whole, extent(points), points[2 * index]!, points[2 * index + 1]!) });
    await soon(() => page.locator('.card').getAttribute('data-point')).toBe(String(index));

    await page.getByRole('button', { name: 'triangle' }).waitFor();
    await page.getByLabel('Colour by').selectOption('cluster');
    const third = page.getByRole('button', { name: 'cluster 3' });
    await third.click();
    await soon(() => third.getAttribute('aria-pressed')).toBe('true');
  });

  it('says how it was made, and has the same points as a table', async () => {
    const { page } = await openRunning();
    const facts = page.locator('#embedding .facts');
    await facts.waitFor();
    for (const fact of ['perplexity', 'seed', 'iterations', 'KL divergence', 'trustworthiness'])
      expect(await facts.textContent()).toContain(fact);
    await page.locator('#embedding').getByLabel('As table').click();
    expect(await page.locator('#embedding .pager').textContent()).toContain('of 1,000');
    const { points } = embeddingFile(2000);
    const cells = await page.locator('#embedding tbody tr').first().getByRole('cell').allTextContents();
    expect(Number(cells[2]!.replace('−', '-'))).toBeCloseTo(points[0]!, 0);
  });
});

describe('evaluations', () => {
  it('stand beside their baseline, interval and protocol, and grow while one is under way', async () => {
    const { page, post } = await openRunning();
    const table = await page.locator('#evaluations table').textContent();
    for (const part of ['71.4%', '70.3–72.5', '38.2%', '+33.2', 'lr 0.1 chosen on a held-out fifth', 'random init'])
      expect(table).toContain(part);

    const evaluating = {
      type: 'evaluating',
      step: 2000,
      kind: 'finetune',
      done: 0.25,
      message: 'epoch 3 of 10',
    } as const;
    await post({ type: 'events', events: journal([evaluating], running.length), liveStatus: 'running', alive: true });
    await page.getByText('fine-tune of step 2,000: epoch 3 of 10').waitFor();
    expect(await page.getByRole('button', { name: 'Probe' }).isDisabled()).toBe(true);
    const done = scored(2000, 'finetune', 0.689, 0.601);
    await post({ type: 'events', events: journal([done], running.length + 1), liveStatus: 'running', alive: true });
    await page.getByText('fine-tune, 10% labels').waitFor();
    expect(await page.locator('.evaluating').count()).toBe(0);
  });

  it('of a finished run show on top while under way, and no longer when their process has died', async () => {
    const { page, post } = await openRunning();
    const events = journal(
      [
        { type: 'status', status: 'finished' },
        { type: 'evaluating', step: 2000, kind: 'probe', done: 0.25, message: 'embedding' },
      ],
      running.length,
    );
    await post({ type: 'events', events, liveStatus: 'finished', alive: true });
    await page.locator('.page-header').getByText('linear probe of step 2,000').waitFor();
    expect(await page.getByRole('button', { name: 'Stop' }).isEnabled()).toBe(true);
    await post({ type: 'events', events: [], liveStatus: 'finished', alive: false });
    await page.getByText('2,640 / 4,000 steps').waitFor();
    expect(await page.locator('.evaluating').count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Probe' }).isEnabled()).toBe(true);
  });
});

describe('evaluations of several checkpoints', () => {
  const judged = [...running, ...journal([scored(1000, 'probe', 0.512, 0.382)], running.length)];

  it('stand on the cursor, one checkpoint at a time', async () => {
    const { page } = await openRunning({}, judged);
    const panel = page.locator('#evaluations');
    await panel.getByText('71.4%').waitFor();
    expect(await panel.getByText('51.2%').count()).toBe(0);
    await panel.getByLabel('Previous logged step').click();
    await panel.getByText('51.2%').waitFor();
    expect(await panel.getByText('71.4%').count()).toBe(0);
  });
});

describe('clusters', () => {
  const judged = [...running, ...journal([clustered(2000, 0.583, 0.241)], running.length)];

  it('come with a clustering: its measures, and the images nearest to each centre', async () => {
    const { page, snapshot } = await openRunning();
    expect(await page.locator('#clusters').count()).toBe(0);
    await snapshot(judged, 'running');
    const table = page.locator('#evaluations table');
    await table.getByText('silhouette').waitFor();
    for (const part of ['clustering', '58.3%', 'NMI', '0.612', 'random init 0.204', '; 2,000 test'])
      expect((await table.textContent())!.replace(/\s+/g, ' ')).toContain(part);

    const tiles = page.locator('.clusters canvas');
    await soon(() => page.locator('.clusters canvas[data-painted]').count()).toBe(120);
    expect(await tiles.first().evaluate(isPainted)).toBe(true);
    const [first] = clusterFile(2000).clusters;
    const others = first!.images.filter(({ label }) => label !== first!.match).length;
    expect(await page.locator('.clusters figure').first().locator('canvas[data-other]').count()).toBe(others);
    await page.getByRole('img', { name: 'Nearest to the centre of cluster 1: 10 circle' }).waitFor();
    await page.locator('.clusters').getByText('matched with no class').waitFor();
  });

  it('have a table that says the same, and are saved as CSV and PNG', async () => {
    const { page, sent } = await openRunning({}, judged);
    const panel = page.locator('#clusters');
    await soon(() => page.locator('.clusters canvas[data-painted]').count()).toBe(120);
    await panel.getByLabel('As table').click();
    const row = panel.locator('tbody tr').first();
    const [, byClass, nearest] = await row.getByRole('cell').allTextContents();
    expect(byClass).toMatch(/^140 circle, \d \w+, \d \w+, \d more$/);
    expect(nearest).toMatch(/^10 circle, 1 /);

    await panel.getByRole('button', { name: 'CSV' }).click();
    await panel.getByRole('button', { name: 'PNG' }).click();
    await soon(async () => (await sent('save')).length).toBe(2);
    const [csv] = await sent('save');
    const lines = String(csv!.data).trim().split('\r\n');
    expect(lines[0]).toBe('step,cluster,match,images,circle,square,triangle,star,cross,ring,heart,moon,arrow,bar');
    const { counts } = clusterFile(2000).clusters[0]!;
    expect(lines[1]).toBe(`2000,1,circle,${counts.reduce((a, b) => a + b)},${counts.join(',')}`);
  });

  it('say what is wrong with a file that cannot be drawn', async () => {
    const media = { ...pretended, json: (file: string) => pretended.json(file.replace('clusters', 'reconstruction')) };
    const { page } = await openRunning({ media }, judged);
    await page.locator('#clusters [role=alert]').getByText('`tileSize`').waitFor();
  });
});

describe('robustness', () => {
  const judged = [...running, ...journal([corrupted(2000)], running.length)];
  const cell = (page: Page, row: string, severity: number) =>
    page
      .locator('.heat')
      .getByRole('row', { name: row })
      .getByRole('gridcell')
      .nth(severity - 1);

  it('comes with an evaluation: a number and a colour for each corruption and severity', async () => {
    const { page, snapshot } = await openRunning();
    expect(await page.locator('#robustness').count()).toBe(0);
    await snapshot(judged, 'running');
    await page.locator('#evaluations table').getByText('mCE').waitFor();
    const cells = page.locator('.heat [data-full]');
    await soon(() => cells.count()).toBe(75);
    expect(await page.locator('.heat .group').allTextContents()).toEqual(['Noise', 'Blur', 'Weather', 'Digital']);
    const colours = await cells.evaluateAll((nodes) => nodes.map((node) => getComputedStyle(node).backgroundColor));
    expect(colours[0]).not.toBe(colours[4]);
    expect((await cell(page, 'gaussian noise', 5).textContent())!.trim()).toBe('20.0');
    await page.locator('#robustness').getByText('71.4% when clean').waitFor();
  });

  it('shows the example under the pointer and under the keyboard', async () => {
    const { page } = await openRunning({}, judged);
    const tiles = page.locator('.example canvas');
    await soon(() => page.locator('.example canvas[data-painted]').count()).toBe(2);
    expect(await tiles.first().evaluate(isPainted)).toBe(true);
    const said = page.locator('.example figcaption');
    await cell(page, 'fog', 2).hover();
    await said.getByText('fog, severity 2: 62.4%, random init 36.0%, +26.4 points').waitFor();
    const drawn = () => tiles.nth(1).evaluate((node: HTMLCanvasElement) => node.toDataURL());
    const mild = await drawn();
    await page.mouse.move(0, 0);

    await cell(page, 'gaussian noise', 5).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowLeft');
    await said.getByText('shot noise, severity 4').waitFor();
    await page.keyboard.press('Home');
    await said.getByText('shot noise, severity 1').waitFor();
    await soon(drawn).not.toBe(mild);
    // One stop of the tab key for the whole map.
    expect(await page.locator('.heat [tabindex="0"]').count()).toBe(1);
  });

  it('tells of the baseline and of the difference from it', async () => {
    const { page } = await openRunning({}, judged);
    const choice = page.locator('#robustness').getByLabel('Show');
    await choice.selectOption('baseline');
    await soon(async () => (await cell(page, 'gaussian noise', 5).textContent())!.trim()).toBe('33.0');
    await choice.selectOption('difference');
    const below = cell(page, 'gaussian noise', 5);
    await soon(async () => (await below.textContent())!.trim()).toBe('−13.0');
    expect(await below.getAttribute('data-tone')).toBe('less');
    expect(await cell(page, 'fog', 1).getAttribute('data-tone')).toBe('more');
  });

  it('has a table that says the same, and is saved as CSV and PNG', async () => {
    const { page, sent } = await openRunning({}, judged);
    const panel = page.locator('#robustness');
    await soon(() => page.locator('.example canvas[data-painted]').count()).toBe(2);
    await panel.getByLabel('As table').click();
    const row = panel.getByRole('row', { name: 'gaussian noise' });
    expect((await row.getByRole('cell').allTextContents()).map((text) => text.trim())).toEqual([
      'noise',
      ...['60.0', '50.0', '40.0', '30.0', '20.0', '40.0'],
    ]);
    await panel.getByRole('button', { name: 'CSV' }).click();
    await panel.getByRole('button', { name: 'PNG' }).click();
    await soon(async () => (await sent('save')).length).toBe(2);
    const [csv] = await sent('save');
    const lines = String(csv!.data).trim().split('\r\n');
    expect(lines).toHaveLength(1 + 1 + 75);
    expect(lines[1]).toBe('2000,clean,,0,0.714,0.382');
    expect(lines[2]).toMatch(/^2000,gaussian_noise,noise,1,0\.6/);
  });

  it('says what is wrong with a file that cannot be drawn', async () => {
    const media = { ...pretended, json: (file: string) => pretended.json(file.replace('robustness', 'clusters')) };
    const { page } = await openRunning({ media }, judged);
    await page.locator('#robustness [role=alert]').getByText('`severities`').waitFor();
  });
});

describe('health', () => {
  const judged = [...running, ...journal([looked(2000)], running.length)];

  it('comes with a look at it: its measures, the singular values and the rank by block', async () => {
    const { page, snapshot } = await openRunning();
    expect(await page.locator('#health').count()).toBe(0);
    await snapshot(judged, 'running');
    const table = page.locator('#evaluations table');
    await table.getByText('LiDAR').waitFor();
    for (const part of ['health', 'spread', '0.612', 'RankMe', '31.420', 'random init 14.070'])
      expect((await table.textContent())!.replace(/\s+/g, ' ')).toContain(part);

    const panel = page.locator('#health');
    const [spectrum, ranks] = [panel.locator('.lines').nth(0), panel.locator('.lines').nth(1)];
    await panel.getByRole('img', { name: 'Singular values, as a share of the largest' }).waitFor();
    expect(await spectrum.locator('polyline').count()).toBe(2);
    expect(await spectrum.locator('.tick').allTextContents()).toContain('1e−6');
    expect(await ranks.locator('circle').count()).toBe(12);
    expect(await ranks.locator('.tick').allTextContents()).toEqual(expect.arrayContaining(['0', '30', 'block', '6']));
    // The best of the deepest block stands highest.
    const heights = await ranks
      .locator('circle')
      .evaluateAll((nodes) => nodes.map((node) => Number(node.getAttribute('cy'))));
    expect(heights.indexOf(Math.min(...heights))).toBe(5);
  });

  it('has a table that says the same, and is saved as CSV', async () => {
    const { page, sent } = await openRunning({}, judged);
    const panel = page.locator('#health');
    await panel.getByLabel('As table').click();
    const last = panel.locator('table').first().locator('tbody tr').last();
    await soon(() => last.textContent()).toMatch(/6\s*64\s*29\.0\s*6\.00/);
    expect(await panel.locator('.pager').textContent()).toContain('of 64');

    await panel.getByRole('button', { name: 'CSV' }).click();
    await soon(async () => (await sent('save')).length).toBe(1);
    const [saved] = await sent('save');
    const lines = String(saved!.data).trim().split('\r\n');
    expect(lines[0]).toBe('step,encoder,what,place,value');
    expect(lines).toHaveLength(1 + 2 * (6 + 64));
    expect(lines).toContain(`2000,pretrained,effective rank,6,${healthFile(2000).encoders[0]!.layers[5]!.rank}`);
  });

  it('says what is wrong with a file that cannot be drawn', async () => {
    const media = { ...pretended, json: (file: string) => pretended.json(file.replace('health', 'reconstruction')) };
    const { page } = await openRunning({ media }, judged);
    await page.locator('#health [role=alert]').getByText('`encoders`').waitFor();
  });

  it('has its curves, each with what it means', async () => {
    const rows = [1, 500, 1000].map((step) => ({
      type: 'metrics' as const,
      step,
      values: { 'health/rankme': 10 + step / 100, 'health/std': 0.6 },
    }));
    const { page } = await openRunning({}, journal([launched(4000), metricRow(1, 4000), ...rows]));
    const name = page.locator('.curve .name', { hasText: 'RankMe' });
    expect(await name.getAttribute('title')).toContain('singular values');
    expect(await page.locator('canvas[data-metric="health/rankme"]').evaluate(isPainted)).toBe(true);
  });
});

describe('a collapse warning', () => {
  const cause = 'health/rankme';
  const warning = {
    type: 'notice',
    level: 'warning',
    cause,
    message: 'At step 500 embeddings spread along few directions. Raise pretrain.teacherMomentum, now 0.5.',
  } as const;

  it('stands on top of the page, and goes when it is lifted', async () => {
    const { page, post, snapshot } = await openRunning();
    await snapshot([...running, ...journal([warning], running.length)], 'running');
    const banner = page.locator('.banner[data-level=warning]');
    await banner.getByText('Raise pretrain.teacherMomentum').waitFor();
    expect(await banner.locator('strong').textContent()).toContain('Collapse warning');

    const lifted = { type: 'notice', level: 'info', cause, message: 'The warning is lifted.' } as const;
    await post({ type: 'events', events: journal([lifted], running.length + 1), liveStatus: 'running', alive: true });
    await soon(() => banner.count()).toBe(0);
    await page.getByRole('list', { name: 'Notices' }).getByText('Raise pretrain.teacherMomentum').waitFor();
  });

  it('is said beside how the run ended', async () => {
    const { page, snapshot } = await open();
    const stopped = journal([warning, { type: 'status', status: 'stopped' }], running.length);
    await snapshot([...running, ...stopped], 'stopped');
    await soon(() => page.locator('.banner').count()).toBe(2);
  });
});

describe('actions', () => {
  it('follow the status, and reach the host', async () => {
    const { page, post, sent } = await openRunning();
    const button = (name: string) => page.getByRole('toolbar').getByRole('button', { name });
    for (const name of ['Pause', 'Stop', 'Checkpoint', 'Reveal']) await button(name).click();
    for (const name of ['Probe', 'Cluster', 'Fine-tune', 'Evaluate…']) await button(name).click();
    expect((await sent('command')).map(({ command }) => command)).toEqual(['pause', 'stop', 'checkpoint', 'reveal']);
    expect((await sent('evaluate')).map(({ kind }) => kind)).toEqual(['probe', 'cluster', 'finetune', undefined]);

    const stopped = journal([{ type: 'status', status: 'stopped' }], running.length);
    await post({ type: 'events', events: stopped, liveStatus: 'stopped', alive: false });
    await button('Resume').click();
    expect((await sent('command')).at(-1)!.command).toBe('resume');
    expect(await button('Stop').isDisabled()).toBe(true);
  });
});

describe('states', () => {
  it('say what is happening before the first row', async () => {
    const { page, post, snapshot } = await open();
    await snapshot([], 'running');
    await page.getByText('No events yet').waitFor();
    await post({ type: 'events', events: journal([launched(4000)]), liveStatus: 'running', alive: true });
    await page.getByText('Getting ready').waitFor();
  });

  it('give the reason of a failure and the next step', async () => {
    const { page, snapshot } = await open();
    const failed = journal(
      [{ type: 'status', status: 'failed', reason: 'loss is not finite at step 2641' }],
      running.length,
    );
    await snapshot([...running, ...failed], 'failed');
    const alert = page.getByRole('alert');
    expect(await alert.textContent()).toContain('loss is not finite at step 2641');
    expect(await alert.textContent()).toContain('checkpoint of step 2,000');
    await alert.getByRole('button', { name: 'Reveal run folder' }).waitFor();
  });

  it('offer to resume what has crashed', async () => {
    const { page, sent, snapshot } = await open();
    await snapshot(running, 'crashed');
    await page.getByRole('alert').getByRole('button', { name: 'Resume' }).click();
    expect((await sent('command')).map(({ command }) => command)).toEqual(['resume']);
  });

  it('offer the CPU to a run that its GPU may have ended', async () => {
    const { page, sent, snapshot } = await open();
    const alert = page.getByRole('alert');
    await snapshot(running, 'crashed');
    expect(await alert.getByRole('button', { name: 'Resume on the CPU' }).count()).toBe(0);
    const onGpu = journal([launched(100, { engine: 'onnxruntime 1.30.0, WebGPU' }), metricRow(10, 100)]);
    await snapshot(onGpu, 'crashed');
    await alert.getByRole('button', { name: 'Resume on the CPU' }).click();
    expect((await sent('command')).map(({ command }) => command)).toEqual(['resumeOnCpu']);
  });

  it('keep what was known when the run is lost, and go on when it comes back', async () => {
    const { page, post, snapshot } = await openRunning();
    await post({ type: 'lost', message: 'There is no run in /runs/one any more.' });
    await page.getByRole('alert').getByText('There is no run in /runs/one any more.').waitFor();
    expect(await page.getByRole('toolbar').getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true);
    expect(await page.locator('#curves canvas').count()).toBeGreaterThan(0);
    await snapshot(running, 'running');
    await soon(() => page.getByRole('alert').count()).toBe(0);
  });

  it('name the fallback and list the notices', async () => {
    const { page, snapshot } = await open();
    const fallback = 'webgpu was asked for, but no adapter was found; the cpu runs';
    await snapshot(
      journal([
        launched(100, { fallback, traffic: { uploaded: 51_208, downloaded: 8 } }),
        metricRow(10, 100),
        { type: 'notice', level: 'warning', message: 'Skipped x.png' },
      ]),
      'running',
    );
    await page.getByText(fallback).waitFor();
    await page.getByText('51.2 KB in, 8 B out a step').waitFor();
    await page.getByRole('list', { name: 'Notices' }).getByText('Skipped x.png').waitFor();
  });
});

describe('the look', () => {
  it('survives a reload with its cursor and choices', async () => {
    const { page, snapshot } = await openRunning();
    await page.getByLabel('Step of the pictures').press('Home');
    await page.locator('#embedding').getByLabel('As table').click();
    await page.reload();
    await snapshot(running, 'running');
    await soon(() => page.locator('.cursor output').textContent()).toBe('step 200');
    expect(await page.locator('#embedding').getByLabel('As table').getAttribute('aria-pressed')).toBe('true');
  });

  it.each(Object.keys(pageThemes) as PageThemeName[])('takes the colours of %s while it is open', async (theme) => {
    const { page, setTheme } = await openRunning({ theme: theme === 'light' ? 'dark' : 'light' });
    await page.mouse.move(0, 0);
    const canvas = page.locator('canvas[data-metric="train/loss"]');
    const picture = () => canvas.evaluate((node: HTMLCanvasElement) => node.toDataURL());
    const before = await picture();
    await setTheme(theme);
    await soon(picture).not.toBe(before);
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [r, g, b] = /\d+, \d+, \d+/.exec(background)![0].split(', ').map(Number);
    const hex = `#${[r, g, b].map((c) => c!.toString(16).padStart(2, '0')).join('')}`;
    expect(hex).toBe(pageThemes[theme].variables['--vscode-editor-background']);
  });

  it.each([
    [1600, 3],
    [1000, 2],
    [480, 1],
  ])('at %i px has %i columns and nothing beside the page', async (width, columns) => {
    const { page } = await openRunning({ width });
    const lefts = await page
      .locator('.grid > div')
      .evaluateAll((nodes) => [...new Set(nodes.map((node) => Math.round(node.getBoundingClientRect().left)))]);
    expect(lefts).toHaveLength(columns);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  });

  it('moves nothing by itself for who wants no motion', async () => {
    const { page } = await openRunning({ reducedMotion: true });
    expect(await page.evaluate(() => document.getAnimations().length)).toBe(0);
    const transitions = await page.evaluate(() =>
      [...document.querySelectorAll('*')].map((node) => getComputedStyle(node).transitionDuration),
    );
    expect(new Set(transitions)).toEqual(new Set(['0s']));
  });

  it('gives every control a name', async () => {
    const { page } = await openRunning({}, [
      ...running,
      ...journal([clustered(2000, 0.6, 0.2), corrupted(2000)], running.length),
    ]);
    await page.locator('.clusters canvas').first().waitFor();
    await page.locator('.example canvas').first().waitFor();
    const nameless = await page.locator('button, input, select, canvas').evaluateAll((nodes) =>
      nodes
        .filter((node) => !node.closest('[aria-hidden=true]'))
        .filter(
          (node) =>
            !(node.getAttribute('aria-label') ?? node.closest('label')?.textContent ?? node.textContent)?.trim(),
        )
        .map((node) => node.outerHTML),
    );
    expect(nameless).toEqual([]);
  });
});
