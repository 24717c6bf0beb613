/** How a job ends: with a status in the journal, and the run given up, whatever happened. */
import type { RunStatus } from '../../protocol/events';
import { describeFailure } from './memory';
import type { Session } from './session';

/**
 * Does a job on a run that this process owns. The signals that ask a process to end become requests, so that a
 * checkpoint is written first; a second one ends it at once. Returns how it ended.
 */
export async function conclude(session: Session, job: (session: Session) => Promise<RunStatus>): Promise<RunStatus> {
  const { requests } = session;
  let asked = false;
  const end = (signal: NodeJS.Signals) => {
    if (asked) process.exit(1);
    asked = true;
    requests.ask({ name: 'interrupt', reason: `The system ended the trainer (${signal}).` }).catch(() => {});
  };
  process.on('SIGTERM', end).on('SIGINT', end);
  // The terminal that started it is gone: nothing to end for.
  process.on('SIGHUP', () => {});
  try {
    const { status, reason } = await outcome(session, job);
    session.emit({ type: 'status', status, reason });
    return status;
  } finally {
    await session.end();
  }
}

async function outcome(
  session: Session,
  job: (session: Session) => Promise<RunStatus>,
): Promise<{ status: RunStatus; reason?: string }> {
  const { ending } = session.requests;
  const why = () => (ending.aborted ? (ending.reason as Error).message : undefined);
  try {
    const status = await job(session);
    return { status, reason: status === 'interrupted' ? why() : undefined };
  } catch (error) {
    if (!ending.aborted || error !== ending.reason) {
      console.error(error);
      return { status: 'failed', reason: describeFailure(error) };
    }
    // Asked to end before the first step, or in work that gives way.
    let interrupted = false;
    for (let pending = session.requests.take(); pending; pending = session.requests.take()) {
      interrupted ||= pending.request.name === 'interrupt';
      pending.answer(null);
    }
    return { status: interrupted ? 'interrupted' : 'stopped', reason: why() };
  }
}
