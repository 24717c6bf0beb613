/** A line to a live trainer: JSON-RPC over its local socket. */
import { lstat } from 'node:fs/promises';
import { connect as connectSocket, type Socket } from 'node:net';
import {
  createMessageConnection,
  NotificationType,
  RequestType,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import type { ControlRequests, Owner } from '../protocol/control';
import type { RunEvent } from '../protocol/events';
import { checkEvent } from './journal';
import { isOurSocket, readOwner } from './owner';

export interface Connection {
  readonly owner: Owner;
  readonly runId: string;
  request<Name extends keyof ControlRequests>(
    name: Name,
    params: ControlRequests[Name]['params'],
  ): Promise<ControlRequests[Name]['result']>;
  /** Live events, from `subscribe` on. */
  onEvent(listener: (event: RunEvent) => void): void;
  /** The trainer ended or the line broke; called once, also for `dispose`. */
  onClose(listener: () => void): void;
  dispose(): void;
}

/** A trainer in a long step answers late; a stopped process never does. */
const HELLO_TIMEOUT_MS = 60_000;

/**
 * Connects to the trainer that owns a run directory and says hello.
 * Throws when no one owns it, or the owner does not answer.
 */
export async function connect(directory: string): Promise<Connection> {
  const owner = await readOwner(directory);
  if (!owner) throw new Error(`No trainer is at work in ${directory}.`);
  const socket = await openSocket(owner);
  const rpc = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));
  const listeners: ((event: RunEvent) => void)[] = [];
  const closers: (() => void)[] = [];
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    for (const closer of closers) closer();
    rpc.dispose();
    socket.destroy();
  };
  rpc.onError(close);
  rpc.onClose(close);
  socket.once('close', close);
  socket.on('error', close);
  rpc.onNotification(new NotificationType<unknown>('event'), (value) => {
    const event = checkEvent(value);
    if (typeof event !== 'string') for (const listener of listeners) listener(event);
  });
  rpc.listen();

  const ended = new Promise<never>((_, reject) => {
    closers.push(() => reject(new Error('The trainer ended before it answered.')));
  });
  ended.catch(() => {});
  const request = async <Name extends keyof ControlRequests>(name: Name, params: ControlRequests[Name]['params']) => {
    if (closed) throw new Error('The trainer has ended.');
    const answer = rpc.sendRequest(new RequestType<unknown, unknown, void>(name), params);
    return (await Promise.race([answer, ended])) as ControlRequests[Name]['result'];
  };

  const timer = setTimeout(close, HELLO_TIMEOUT_MS);
  try {
    const { runId } = await request('hello', { token: owner.token, protocol: 1 });
    return {
      owner,
      runId,
      request,
      onEvent: (listener) => void listeners.push(listener),
      onClose: (listener) => void (closed ? listener() : closers.push(listener)),
      dispose: close,
    };
  } catch (error) {
    close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function openSocket({ socket: path }: Owner): Promise<Socket> {
  if (!isOurSocket(path)) throw new Error(`${path} is not a trainer's socket.`);
  if (process.platform !== 'win32') {
    const stat = await lstat(path);
    if (!stat.isSocket() || stat.uid !== process.getuid!()) throw new Error(`${path} is not your trainer's socket.`);
  }
  return await new Promise((resolve, reject) => {
    const socket = connectSocket(path, () => resolve(socket));
    socket.once('error', reject);
  });
}
