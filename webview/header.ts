/** The line on top: which run this is, how it is doing, and what can be done with it. */
import { html, nothing } from 'lit';
import {
  formatDuration,
  formatEngine,
  formatEvaluation,
  formatMetric,
  formatNumber,
  formatPercent,
  formatStep,
  formatTraffic,
  secondsLeft,
} from '../protocol/format';
import type { FromDashboard } from '../protocol/messages';
import { canGoOn, latest } from '../protocol/run';
import { send } from './host';
import { icon } from './icons';
import type { IconName } from './icons';
import type { Page } from './page';
import { isLive } from './words';

interface Action {
  readonly label: string;
  readonly icon: IconName;
  readonly title: string;
  readonly message: FromDashboard;
  readonly enabled: boolean;
}

export const canResume = ({ run, liveStatus, evaluating }: Page) =>
  liveStatus === 'paused' || (!isLive(liveStatus) && !evaluating && canGoOn(run, liveStatus));

export const resumeAction: FromDashboard = { type: 'command', command: 'resume' };
export const resumeOnCpuAction: FromDashboard = { type: 'command', command: 'resumeOnCpu' };
export const revealAction: FromDashboard = { type: 'command', command: 'reveal' };

function actions(page: Page): Action[] {
  const { run, liveStatus, evaluating, lost } = page;
  const here = lost === undefined;
  const live = here && isLive(liveStatus);
  const canJudge = here && !evaluating && (live ? run.step > 0 : run.checkpoints.length > 0);
  const pauseOrResume: Action =
    here && canResume(page)
      ? { label: 'Resume', icon: 'play', title: 'Go on training', message: resumeAction, enabled: true }
      : {
          label: 'Pause',
          icon: 'pause',
          title: 'Hold the training where it is',
          message: { type: 'command', command: 'pause' },
          enabled: live,
        };
  return [
    pauseOrResume,
    {
      label: 'Stop',
      icon: 'stop',
      title: live ? 'Write a checkpoint and end the run' : 'End the evaluation',
      message: { type: 'command', command: 'stop' },
      enabled: live || (here && evaluating !== undefined),
    },
    {
      label: 'Checkpoint',
      icon: 'save',
      title: 'Write a checkpoint now',
      message: { type: 'command', command: 'checkpoint' },
      enabled: live,
    },
    {
      label: 'Probe',
      icon: 'target',
      title: 'Linear probe and kNN of the newest checkpoint, beside a random-init encoder',
      message: { type: 'evaluate', kind: 'probe' },
      enabled: canJudge,
    },
    {
      label: 'Cluster',
      icon: 'scatter',
      title: 'k-means on the embeddings of the test images, beside a random-init encoder',
      message: { type: 'evaluate', kind: 'cluster' },
      enabled: canJudge,
    },
    {
      label: 'Fine-tune',
      icon: 'beaker',
      title: 'Train all weights of the newest checkpoint with labels, beside training from scratch',
      message: { type: 'evaluate', kind: 'finetune' },
      enabled: canJudge,
    },
    {
      label: 'Evaluate…',
      icon: 'checklist',
      title: 'Choose protocols and checkpoints, or run the full suite',
      message: { type: 'evaluate' },
      enabled: canJudge,
    },
    {
      label: 'Report',
      icon: 'book',
      title: 'All that was found out about the checkpoints, side by side',
      message: { type: 'command', command: 'report' },
      enabled: here && run.evaluations.length > 0,
    },
    { label: 'Reveal', icon: 'folder', title: 'Show the run folder', message: revealAction, enabled: here },
  ];
}

function progress({ run, liveStatus, evaluating }: Page) {
  if (evaluating && liveStatus !== 'running')
    return html`<div class="progress">
      <progress max="1" .value=${evaluating.done} aria-label="Evaluation"></progress>
      <span>${formatEvaluation({ kind: evaluating.kind, labels: 1 })} of step ${formatStep(evaluating.step)}</span>
      <span class="number">${formatPercent(evaluating.done, 0)}</span>
    </div>`;
  if (run.totalSteps === 0) return nothing;
  const share = Math.min(1, run.step / run.totalSteps);
  const left = liveStatus === 'running' ? secondsLeft(run) : undefined;
  return html`<div class="progress">
    <progress max="1" .value=${share} aria-label="Training progress"></progress>
    <span class="number">${formatStep(run.step)} / ${formatStep(run.totalSteps)} steps</span>
    ${left === undefined ? nothing : html`<span class="number">${formatDuration(left)} left</span>`}
  </div>`;
}

function fact(name: string, value: string | undefined, title?: string) {
  return value === undefined
    ? nothing
    : html`<div>
        <dt>${name}</dt>
        <dd class="number" title=${title ?? nothing}>${value}</dd>
      </div>`;
}

export function header(page: Page) {
  const { run, liveStatus, lost } = page;
  const loss = latest(run, 'train/loss');
  const speed = latest(run, 'perf/images_per_second');
  const status = lost === undefined ? liveStatus : 'lost';
  return html`<header class="page-header">
    <div class="title">
      <h1>${run.manifest.experiment}</h1>
      <span class="run-name" title="Run">${run.manifest.runId}</span>
      <span class="chip" data-status=${status} role="status">${status}</span>
    </div>
    <div class="now">
      ${progress(page)}
      <dl class="facts">
        ${fact('loss', loss === undefined ? undefined : formatNumber(loss))}
        ${fact('speed', speed === undefined || !isLive(liveStatus) ? undefined : formatMetric('perf/images_per_second', speed))}
        ${fact('engine', run.engine && formatEngine(run.engine), run.engine)}
        ${fact('host traffic', run.traffic && formatTraffic(run.traffic), 'What each step carries to the GPU and back')}
      </dl>
    </div>
    <div class="actions" role="toolbar" aria-label="Run">
      ${actions(page).map(
        ({ label, icon: name, title, message, enabled }) =>
          html`<button class="action" title=${title} ?disabled=${!enabled} @click=${() => send(message)}>
            ${icon(name)}<span>${label}</span>
          </button>`,
      )}
    </div>
    ${run.fallback ? html`<p class="fallback">${icon('warning')} Fallback: ${run.fallback}</p>` : nothing}
  </header>`;
}
