/** What a person waits for who opens the dashboard of a long run: from its snapshot in the page to painted curves. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToDashboard } from '../protocol/messages';
import { applyEvent, emptyRun } from '../protocol/run';
import { root } from '../scripts/process.mjs';
import { launchBrowser, openDashboard } from '../test/e2e/dashboard/harness';
import { journal, manifest, training } from '../test/e2e/dashboard/run';
import { median } from './median';

/** Metric rows in the journal, one every ten steps, and some pictures and maps among them. */
const ROWS = 100_000;
const ROUNDS = 7;

interface Figures {
  rows: number;
  /** Milliseconds from handing over the snapshot to the frame after the first that has the loss painted. */
  firstPaint: number;
  rounds: number[];
}

/** Measures the built dashboard in Chromium, each round in a fresh page. */
export async function dashboard(): Promise<Figures> {
  const built = (name: string) => readFile(join(root, 'dist', 'webview', name), 'utf8');
  const bundle = { script: await built('dashboard.js'), style: await built('dashboard.css') };
  const steps = 10 * ROWS;
  const events = journal(training(steps, steps, { pictureEvery: 50_000, mapEvery: 200_000 }));
  const run = events.reduce(applyEvent, emptyRun(manifest));
  const state = { runDirectory: '/runs/one', run, liveStatus: 'finished', alive: false, baseUri: 'run' } as const;
  const message = JSON.stringify({ type: 'snapshot', state } satisfies ToDashboard);

  const rounds: number[] = [];
  const browser = await launchBrowser();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const { page, close } = await openDashboard(browser, { bundle });
      rounds.push(Math.round(await page.evaluate(firstPaint, message)));
      await close();
    }
  } finally {
    await browser.close();
  }
  const figures = { rows: ROWS, firstPaint: median(rounds), rounds };
  console.log(`${ROWS} rows: first paint after ${figures.firstPaint} ms (${rounds.join(', ')})`);
  return figures;
}

/** Runs in the page. Parsing the text is the test's way of getting a snapshot in, and is not counted. */
function firstPaint(message: string): Promise<number> {
  const snapshot: unknown = JSON.parse(message);
  const painted = () => {
    const canvas = document.querySelector<HTMLCanvasElement>('canvas[data-metric="train/loss"]');
    const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height);
    return pixels?.data.some((value) => value > 0);
  };
  return new Promise((resolve) => {
    const handedOver = performance.now();
    window.postMessage(snapshot, '*');
    const look = () => {
      // What a frame has drawn is on the screen when the next one begins.
      if (painted()) requestAnimationFrame(() => resolve(performance.now() - handedOver));
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}
