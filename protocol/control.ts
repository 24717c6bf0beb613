/** What can be asked of a live trainer over its socket (JSON-RPC; the names are the methods). */
import type { EvaluationSettings } from './config';
import type { EvaluationKind, RunEvent } from './events';

/** First call on a connection; anything before it, or a wrong token, closes the connection. */
export interface HelloParams {
  readonly token: string;
  readonly protocol: 1;
}

export interface EvaluateParams {
  /** Checkpoints; the last when absent: a live run writes one first. */
  readonly steps?: readonly number[];
  readonly kinds: readonly EvaluationKind[];
  /** Leaves out what was evaluated before with the same settings, and writes a report at the end. */
  readonly suite?: boolean;
  /** Those that the run began with when absent. */
  readonly settings?: EvaluationSettings;
}

/** Requests, all answered when the trainer has taken them up; their effects arrive as events. */
export interface ControlRequests {
  hello: { params: HelloParams; result: { readonly runId: string; readonly pid: number } };
  /** Live events are notified from here on. `seq` is the last one already in the journal. */
  subscribe: { params: null; result: { readonly seq: number } };
  pause: { params: null; result: null };
  resume: { params: null; result: null };
  /** Writes a checkpoint, then ends with status `stopped`. */
  stop: { params: null; result: null };
  checkpoint: { params: null; result: { readonly step: number } };
  evaluate: { params: EvaluateParams; result: null };
}

export interface ControlNotifications {
  event: RunEvent;
}

/** `owner.json` in the run directory: who writes it now. Mode 0600; the token is for the socket. */
export interface Owner {
  readonly pid: number;
  readonly startedAt: number;
  /** Name of the machine, since run directories may be on a shared disk. */
  readonly host: string;
  /** When the process began as the system tells it, where it does: process numbers are used again. */
  readonly birth?: string;
  /** Socket path, or pipe name on Windows. */
  readonly socket: string;
  readonly token: string;
}
