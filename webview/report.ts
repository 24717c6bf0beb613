/** The report of a run: all that was found out about its checkpoints, side by side. Messages in, one painting per frame out. */
import { html, nothing, render } from 'lit';
import './dashboard.css';
import { boardOf, curvesByLabels, curvesByStep } from '../protocol/board';
import { aboutRun, reportMarkdown, reportOf } from '../protocol/report';
import { boardTable } from './board';
import { createClusters } from './clusters';
import { createConfusion } from './confusion';
import { exportEvaluations, underWay } from './evaluations';
import { createHealth } from './health';
import { listen, send } from './host';
import { createMap } from './map';
import { createNeighbours } from './neighbours';
import { nearest } from './numbers/nearest';
import { createPage, cursorStep } from './page';
import { panel } from './panel';
import { createRobustness } from './robustness';
import { scoreCurves } from './score-curves';
import { onThemeChange, readTheme } from './theme';

const root = document.body;
let theme = readTheme();
let frame = 0;

/** However many rows and clicks arrive, the page is laid out once per frame of the display. */
function changed() {
  if (frame === 0) frame = requestAnimationFrame(paint);
}

const page = createPage(changed);
const map = createMap(page);
/** What was found in pictures, in the order of the page. */
const panels: readonly { render(): unknown; draw?(root: ParentNode): void }[] = [
  createConfusion(page),
  createNeighbours(page),
  {
    render: () => (page.run.embeddings.length > 0 ? map.render(theme, () => root) : nothing),
    draw: (root) => map.draw(root, theme),
  },
  createClusters(page),
  createRobustness(page),
  createHealth(page),
];

function save(kind: 'json' | 'md') {
  const report = reportOf(page.run, { time: Date.now() });
  const name = `${report.runId}-report.${kind}`;
  const data = kind === 'json' ? JSON.stringify(report, null, 2) : reportMarkdown(report);
  send({ type: 'save', name, mime: kind === 'json' ? 'application/json' : 'text/markdown', data });
}

function leftOut(reasons: readonly string[]) {
  if (reasons.length === 0) return nothing;
  const body = html`<ul class="left-out">
    ${reasons.map((reason) => html`<li>${reason}</li>`)}
  </ul>`;
  return panel({ id: 'left-out', title: 'Left out', body });
}

function content() {
  if (!page.state) {
    return html`<main class="waiting" role=${page.lost === undefined ? 'status' : 'alert'}>
      <p>${page.lost ?? 'Reading the run…'}</p>
    </main>`;
  }
  const { run } = page;
  const report = reportOf(run, { time: run.updatedAt });
  const board = boardOf(run.evaluations);
  const step = nearest(
    board.steps.map((step) => ({ step })),
    cursorStep(page),
  )?.step;
  const evaluate = html`<button @click=${() => send({ type: 'evaluate' })}>Evaluate…</button>`;
  const tools = html`<button class="tool" title="Save the report as Markdown" @click=${() => save('md')}>
      Markdown
    </button>
    <button class="tool" title="Save the report as JSON" @click=${() => save('json')}>JSON</button>
    <button class="tool" title="Save the scores as CSV" @click=${() => exportEvaluations(page)}>CSV</button>`;
  return html`<header class="page-header">
      <h1>${report.experiment}</h1>
      <span class="muted">${report.runId}: ${aboutRun(report)}</span>
      <div class="actions" role="toolbar" aria-label="Report">${evaluate}</div>
    </header>
    ${page.lost === undefined ? nothing : html`<p class="problem" role="alert">${page.lost}</p>`}
    <main class="report">
      ${panel({
        id: 'board',
        title: 'Scores beside their baselines',
        tools: board.rows.length > 0 ? tools : html``,
        body: html`${underWay(page)}
        ${
          board.rows.length > 0
            ? boardTable(page, board)
            : html`<p class="empty">
                Nothing was judged yet. <em>Evaluate…</em> asks by which protocols; all of them are the full suite.
              </p>`
        }`,
      })}
      ${scoreCurves(curvesByStep(board), step === undefined ? [] : curvesByLabels(board, step))}
      <div class="findings">${panels.map((one) => one.render())}</div>
      ${leftOut(report.leftOut)}
    </main>`;
}

function paint() {
  frame = 0;
  render(content(), root);
  if (!page.state) return;
  for (const one of panels) one.draw?.(root);
}

onThemeChange(() => {
  theme = readTheme();
  changed();
});
window.addEventListener('resize', changed);
listen(page.receive);
paint();
send({ type: 'ready' });
