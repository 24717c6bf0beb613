/** The dashboard of one run: messages in, at most one painting per frame out. */
import { html, render } from 'lit';
import './dashboard.css';
import { banner, waiting } from './banner';
import { createClusters } from './clusters';
import { createCursor } from './cursor';
import { createCurves } from './curves';
import { evaluations } from './evaluations';
import { header } from './header';
import { listen, send } from './host';
import { createHealth } from './health';
import { createMap } from './map';
import { notices } from './notices';
import { createPage } from './page';
import { createPictures } from './pictures';
import { createRobustness } from './robustness';
import { onThemeChange, readTheme } from './theme';

const root = document.body;
let theme = readTheme();
let frame = 0;

/** However many rows and clicks arrive, the page is laid out once per frame of the display. */
function changed() {
  if (frame === 0) frame = requestAnimationFrame(paint);
}

const page = createPage(changed);
const curves = createCurves(page);
const pictures = createPictures(page);
const map = createMap(page);
const clusters = createClusters(page);
const robustness = createRobustness(page);
const health = createHealth(page);
const cursor = createCursor(page);

function content() {
  if (!page.state)
    return page.lost === undefined
      ? html`<main class="waiting" role="status"><p>Reading the run…</p></main>`
      : html`<main class="waiting" role="alert">
          <h1>The run cannot be read</h1>
          <p>${page.lost}</p>
          <p class="muted">Choose another run in the Tessera view, or open this one again when its folder is back.</p>
        </main>`;
  const { run } = page;
  const started = Object.keys(run.metrics).length > 0 || run.pictures.length + run.evaluations.length > 0;
  return html`${header(page)} ${banner(page)}
    <main class=${page.lost === undefined ? 'grid' : 'grid lost'}>
      ${
        started
          ? html`<div class="curves">${curves.render()}</div>
              <div class="pictures">${pictures.render()}</div>
              <div class="maps">${map.render(theme, () => root)}</div>
              <div class="scores">
                ${evaluations(page)} ${clusters.render()} ${robustness.render()} ${health.render()} ${notices(page)}
              </div>`
          : html`<div class="alone">${waiting(page)} ${notices(page)}</div>`
      }
    </main>
    ${cursor.render()}`;
}

function paint() {
  frame = 0;
  render(content(), root);
  if (!page.state) return;
  curves.draw(root, theme);
  pictures.draw(root);
  map.draw(root, theme);
  clusters.draw(root);
  robustness.draw(root);
}

onThemeChange(() => {
  theme = readTheme();
  changed();
});
window.addEventListener('resize', changed);
root.addEventListener('keydown', (event) => {
  if (page.state) cursor.pageKeydown(event);
});
listen(page.receive);
paint();
send({ type: 'ready' });
