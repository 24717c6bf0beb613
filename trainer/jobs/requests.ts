/** What people ask of a live trainer, kept until the loop comes round between two steps. */
import type { ControlRequests, EvaluateParams } from '../../protocol/control';

export type Request =
  | { readonly name: 'pause' | 'resume' | 'stop' | 'checkpoint' }
  /** The system asks this process to end. */
  | { readonly name: 'interrupt'; readonly reason: string }
  | { readonly name: 'evaluate'; readonly params: EvaluateParams };

export interface PendingRequest {
  readonly request: Request;
  /** Tells who asked that it was taken up. */
  readonly answer: (result: ControlRequests['checkpoint']['result'] | null) => void;
  readonly refuse: (error: Error) => void;
}

export interface RequestQueue {
  /** Resolves when the loop has taken the request up; rejects when the trainer ends before. */
  ask(request: Request): Promise<ControlRequests['checkpoint']['result'] | null>;
  take(): PendingRequest | undefined;
  /** Resolves when there is something to take. */
  waiting(): Promise<void>;
  /** Aborted as soon as the end is asked for, so that long work beside the loop gives way. */
  readonly ending: AbortSignal;
  close(): void;
}

export function createRequestQueue(): RequestQueue {
  const pending: PendingRequest[] = [];
  const ending = new AbortController();
  let wake = () => {};
  let closed = false;

  return {
    ask: (request) =>
      new Promise((answer, refuse) => {
        if (closed) return refuse(ended());
        pending.push({ request, answer, refuse });
        if (request.name === 'stop' || request.name === 'interrupt') {
          ending.abort(new Error(request.name === 'interrupt' ? request.reason : 'Stopped.'));
        }
        wake();
      }),
    take: () => pending.shift(),
    waiting: () => (pending.length > 0 ? Promise.resolve() : new Promise((resolve) => (wake = resolve))),
    ending: ending.signal,
    close: () => {
      closed = true;
      for (const { refuse } of pending.splice(0)) refuse(ended());
    },
  };
}

const ended = () => new Error('The trainer has ended.');
