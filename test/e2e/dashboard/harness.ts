/**
 * The dashboard in a browser without an editor around it: the real bundle under the Content Security Policy of a
 * webview. Only the transport is pretended, `acquireVsCodeApi` and the host's messages; what they carry is real.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { dashboardHtml } from '../../../extension/dashboard-html';
import type { RunEvent } from '../../../protocol/events';
import type { FromDashboard, LiveStatus, ToDashboard } from '../../../protocol/messages';
import { applyEvent, emptyRun } from '../../../protocol/run';
import { chromiumPath } from '../../../scripts/editor.mjs';
import {
  clusterFile,
  clusterSheet,
  embeddingFile,
  healthFile,
  manifest,
  neighboursFile,
  picturesFile,
  picturesSheet,
  probeFile,
  robustnessFile,
  robustnessSheet,
  thumbnailSheet,
} from './run';
import { pageThemes } from './themes';
import type { PageThemeName } from './themes';

declare global {
  interface Window {
    sent: FromDashboard[];
  }
}

/** Reads the files of a run directory. */
export interface Media {
  readonly json: (file: string) => Promise<unknown>;
  readonly png: (file: string) => Promise<Buffer>;
}

const stepOf = (file: string) => Number(/(\d+)\.\w+$/.exec(file)?.[1]);
let thumbnails: Promise<Buffer> | undefined;

/** What of the run directory a file's name tells that it is. */
const kinds = [
  { part: 'embedding', json: embeddingFile, png: thumbnailSheet },
  { part: 'clusters', json: clusterFile, png: clusterSheet },
  { part: 'robustness', json: robustnessFile, png: robustnessSheet },
  { part: 'health', json: healthFile, png: picturesSheet },
  { part: 'probe', json: probeFile, png: picturesSheet },
  { part: 'neighbours', json: neighboursFile, png: clusterSheet },
  { part: '', json: picturesFile, png: picturesSheet },
];
const kindOf = (file: string) => kinds.find(({ part }) => file.includes(part))!;

export const pretended: Media = {
  json: (file) => Promise.resolve(kindOf(file).json(stepOf(file))),
  png: (file) => {
    if (file.includes('thumbnails')) return (thumbnails ??= thumbnailSheet());
    return kindOf(file).png(stepOf(file));
  },
};

export interface Dashboard {
  readonly page: Page;
  /** Violations of the policy, errors of the console, requests that failed: none are expected. */
  readonly complaints: string[];
  readonly post: (message: ToDashboard) => Promise<void>;
  readonly snapshot: (events: readonly RunEvent[], liveStatus: LiveStatus) => Promise<void>;
  /** Messages that the page has sent. */
  readonly sent: <T extends FromDashboard['type']>(type: T) => Promise<Extract<FromDashboard, { type: T }>[]>;
  readonly setTheme: (theme: PageThemeName) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface OpenOptions {
  readonly page?: PageName;
  readonly theme?: PageThemeName;
  readonly width?: number;
  readonly height?: number;
  readonly reducedMotion?: boolean;
  readonly media?: Media;
  /** The page's own code; bundled from the sources by default. */
  readonly bundle?: { readonly script: string; readonly style: string };
}

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await chromiumPath(),
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });
}

/** The page of a run: its live dashboard, or the report on its checkpoints. */
export type PageName = 'dashboard' | 'report';

async function bundle(name: PageName) {
  const { outputFiles } = await build({
    entryPoints: [`webview/${name}.ts`],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    outdir: 'dist',
    write: false,
  });
  const text = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? '';
  return { script: text('.js'), style: text('.css') };
}

const bundled: Partial<Record<PageName, ReturnType<typeof bundle>>> = {};

export async function openDashboard(browser: Browser, options: OpenOptions = {}): Promise<Dashboard> {
  const { page: name = 'dashboard' } = options;
  const { theme = 'dark', width = 1600, height = 1000, reducedMotion = false, media = pretended } = options;
  const { script, style } = options.bundle ?? (await (bundled[name] ??= bundle(name)));
  const { className, kind, variables } = pageThemes[theme];

  const html = dashboardHtml({
    cspSource: "'self'",
    scriptUri: 'dashboard.js',
    styleUri: 'dashboard.css',
    nonce: 'n0nce',
    title: 'Dashboard',
    language: 'en',
  });
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').slice(1));
    const send = (type: string, body: string | Buffer) => {
      response.setHeader('content-type', type);
      response.setHeader('access-control-allow-origin', '*');
      response.end(body);
    };
    if (path === '')
      send('text/html', html.replace('<body>', `<body class="${className}" data-vscode-theme-kind="${kind}">`));
    else if (path === 'dashboard.js') send('text/javascript', script);
    else if (path === 'dashboard.css') send('text/css', style);
    else if (/\.(png|webp)$/.test(path))
      media.png(path.replace(/^run\//, '')).then(
        (png) => send('image/png', png),
        () => response.writeHead(404).end(),
      );
    else response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const context = await browser.newContext({
    viewport: { width, height },
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText;
    // A page that goes away takes back what it asked for.
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${request.url()} failed: ${reason}`);
  });

  // What VS Code puts into every webview: its variables, and the door to the host. State outlives a reload, as there.
  await page.addInitScript((values) => {
    window.sent = [];
    const api = {
      postMessage: (message: FromDashboard) => void window.sent.push(message),
      getState: () => (JSON.parse(sessionStorage.getItem('state') ?? 'null') as unknown) ?? undefined,
      setState: (state: unknown) => sessionStorage.setItem('state', JSON.stringify(state)),
    };
    Object.assign(window, { acquireVsCodeApi: () => api });
    const apply = () => {
      for (const [name, value] of Object.entries(values)) document.documentElement.style.setProperty(name, value);
    };
    if (document.documentElement) apply();
    else document.addEventListener('readystatechange', apply, { once: true });
  }, variables);

  // As one text: passing a long run value by value would take a minute.
  const post = (message: ToDashboard) =>
    page.evaluate((text) => window.postMessage(JSON.parse(text), '*'), JSON.stringify(message));
  await page.exposeFunction(
    'hostOpens',
    async (kind: Extract<FromDashboard, { type: 'open' }>['kind'], file: string) => {
      await media.json(file).then(
        (content) => post({ type: kind, file, content } as ToDashboard),
        (error: unknown) => post({ type: kind, file, content: null, error: String(error) }),
      );
    },
  );
  await page.addInitScript(() => {
    const push = window.sent.push.bind(window.sent);
    window.sent.push = (...messages: FromDashboard[]) => {
      for (const message of messages)
        if (message.type === 'open')
          (window as unknown as { hostOpens(kind: string, file: string): void }).hostOpens(message.kind, message.file);
      return push(...messages);
    };
  });
  await page.goto(origin);

  return {
    page,
    complaints,
    post,
    snapshot(events, liveStatus) {
      const run = events.reduce(applyEvent, emptyRun(manifest));
      const alive = liveStatus === 'running' || liveStatus === 'paused';
      const state = { runDirectory: '/runs/one', run, liveStatus, alive, baseUri: `${origin}/run` };
      return post({ type: 'snapshot', state });
    },
    sent: (type) =>
      page.evaluate((wanted) => window.sent.filter((message) => message.type === wanted) as never, type as string),
    setTheme: (next) =>
      page.evaluate(({ className, kind, variables }) => {
        const { style } = document.documentElement;
        for (const name of [...style]) style.removeProperty(name);
        for (const [name, value] of Object.entries(variables)) style.setProperty(name, value);
        document.body.className = className;
        document.body.dataset['vscodeThemeKind'] = kind;
      }, pageThemes[next]),
    async close() {
      await context.close();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
