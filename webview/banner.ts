/** States in which something is to be said before the numbers are: each says why, and what to do next. */
import { html, nothing } from 'lit';
import type { TemplateResult } from 'lit';
import { formatStep } from '../protocol/format';
import { isOnGpu, standingWarnings } from '../protocol/run';
import { canResume, resumeAction, resumeOnCpuAction, revealAction } from './header';
import { send } from './host';
import { icon } from './icons';
import type { IconName } from './icons';
import type { Page } from './page';

interface Banner {
  readonly level: 'error' | 'warning' | 'info';
  readonly title: string;
  readonly text: string;
  readonly resume?: boolean;
  /** For a run that its GPU may have ended. */
  readonly resumeOnCpu?: boolean;
  readonly reveal?: boolean;
}

function bannerOf(page: Page): Banner | undefined {
  if (page.lost !== undefined)
    return {
      level: 'error',
      title: 'The run cannot be read any more',
      text: `${page.lost} What is shown is the last that was known. If the folder comes back, this page goes on by itself.`,
    };
  const { run, liveStatus } = page;
  const last = run.checkpoints.reduce((step, checkpoint) => Math.max(step, checkpoint.step), 0);
  const from = last > 0 ? `Resume goes on from the checkpoint of step ${formatStep(last)}.` : '';
  const resume = canResume(page);
  const resumeOnCpu = resume && isOnGpu(run);
  switch (liveStatus) {
    case 'failed':
      return {
        level: 'error',
        title: 'The run failed',
        text: [
          run.reason ?? 'The trainer gave no reason; its log is trainer.log in the run folder.',
          from || 'There is no checkpoint yet: mend the cause in the config, then pretrain again.',
        ].join('\n'),
        resume,
        resumeOnCpu,
        reveal: true,
      };
    case 'crashed':
      return {
        level: 'error',
        title: 'The trainer process died',
        text:
          `It ended without a last word after step ${formatStep(run.step)}. ` +
          (from
            ? `${from} The result is the same, bit for bit, as if nothing had happened.`
            : 'There was no checkpoint yet: Resume begins anew, with the same seed. trainer.log in the run folder may say why it died.') +
          (resumeOnCpu ? ' If it was the GPU’s driver that took it down, the CPU goes on without it.' : ''),
        resume,
        resumeOnCpu,
        reveal: true,
      };
    case 'stopped':
      return { level: 'info', title: `Stopped at step ${formatStep(run.step)}`, text: from, resume };
    case 'interrupted':
      return run.seq < 0
        ? undefined
        : { level: 'warning', title: `Interrupted at step ${formatStep(run.step)}`, text: run.reason ?? from, resume };
    case 'paused':
      return {
        level: 'info',
        title: `Paused at step ${formatStep(run.step)}`,
        text: 'The trainer holds its state in memory and waits.',
        resume,
      };
    default:
      return undefined;
  }
}

const icons: Record<Banner['level'], IconName> = { error: 'error', warning: 'warning', info: 'info' };

/** What stands against the representation, above all that seems to go well. */
function collapseOf({ run }: Page): Banner | undefined {
  const standing = standingWarnings(run);
  if (standing.length === 0) return undefined;
  const text = standing.map(({ message }) => message).join('\n');
  return { level: 'warning', title: 'Collapse warning: the training may be learning nothing', text };
}

export function banner(page: Page) {
  return [bannerOf(page), collapseOf(page)].map((shown) => (shown ? painted(shown) : nothing));
}

function painted({ level, title, text, resume, resumeOnCpu, reveal }: Banner): TemplateResult {
  return html`<div class="banner" data-level=${level} role=${level === 'error' ? 'alert' : 'status'}>
    ${icon(icons[level])}
    <div>
      <strong>${title}</strong>
      ${text ? html`<p>${text}</p>` : nothing}
    </div>
    <div class="banner-actions">
      ${resume ? html`<button class="action primary" @click=${() => send(resumeAction)}>Resume</button>` : nothing}
      ${resumeOnCpu ? html`<button class="action" @click=${() => send(resumeOnCpuAction)}>Resume on the CPU</button>` : nothing}
      ${reveal ? html`<button class="action" @click=${() => send(revealAction)}>Reveal run folder</button>` : nothing}
    </div>
  </div>`;
}

/** In place of the pictures while there are none: what is happening, and what comes next. */
export function waiting(page: Page): TemplateResult {
  const { run, liveStatus } = page;
  const latest = run.notices.at(-1)?.message;
  if (run.seq < 0)
    return html`<div class="waiting" role="status">
      <h2>No events yet</h2>
      <p>The run folder is there and its trainer is starting. The first thing it does is read the images.</p>
    </div>`;
  if (liveStatus !== 'running')
    return html`<div class="waiting">
      <h2>Nothing was logged</h2>
      <p>The run ended before its first metric row. The notices below and trainer.log say how far it came.</p>
    </div>`;
  return html`<div class="waiting" role="status">
    <h2>Getting ready</h2>
    <p>${run.reason ?? latest ?? 'Reading the images, then compiling the training step into one program.'}</p>
    <p class="muted">The first point of the curve follows within seconds.</p>
  </div>`;
}
