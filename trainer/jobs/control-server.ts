/** The socket that a live trainer listens on: JSON-RPC, after a hello with the run's token. */
import { timingSafeEqual } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createMessageConnection,
  ErrorCodes,
  NotificationType,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import * as z from 'zod';
import { EvaluationSettings } from '../../protocol/config';
import type { EvaluateParams, HelloParams } from '../../protocol/control';
import { evaluationKinds, type RunEvent } from '../../protocol/events';
import type { RequestQueue } from './requests';
import { newSocketPath, removeStaleSockets } from './socket';

export interface ControlServer {
  readonly socket: string;
  /** Sends an event to everyone who has subscribed. */
  broadcast(event: RunEvent): void;
  close(): Promise<void>;
}

export interface Served {
  readonly token: string;
  readonly runId: () => string;
  /** `seq` of the last event in the journal. */
  readonly seq: () => number;
  readonly requests: RequestQueue;
}

const helloSchema = z.object({ token: z.string(), protocol: z.literal(1) }) satisfies z.ZodType<HelloParams>;
const evaluateSchema = z.object({
  steps: z.array(z.int().min(0)).min(1).optional(),
  kinds: z.array(z.enum(evaluationKinds)).min(1),
  suite: z.boolean().optional(),
  settings: EvaluationSettings.optional(),
}) satisfies z.ZodType<EvaluateParams>;

const HELLO_TIMEOUT_MS = 10_000;
/** Many times the bytes of a hello; a caller without the token may not fill this process's memory. */
const MAX_HELLO_BYTES = 1 << 16;
const eventNotification = new NotificationType<RunEvent>('event');

/** Listens before anyone can know of it: the run directory names the socket only afterwards. */
export async function createControlServer(served: Served): Promise<ControlServer> {
  const path = newSocketPath();
  const sockets = new Set<Socket>();
  const subscribers = new Set<MessageConnection>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    serve(socket, served, subscribers);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  if (process.platform !== 'win32') chmodSync(path, 0o600);
  await removeStaleSockets(path);

  return {
    socket: path,
    broadcast: (event) => {
      for (const connection of subscribers) void connection.sendNotification(eventNotification, event).catch(() => {});
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // What has been said still goes out: replies are written a few turns after they are given.
      await sleep(20);
      // Whoever does not listen is cut off.
      for (const socket of sockets) {
        socket.end();
        setTimeout(() => socket.destroy(), 500).unref();
      }
      await closed;
      if (process.platform !== 'win32') rmSync(path, { force: true });
    },
  };
}

function serve(socket: Socket, { token, runId, seq, requests }: Served, subscribers: Set<MessageConnection>) {
  const connection = createMessageConnection(new StreamMessageReader(socket), new StreamMessageWriter(socket));
  let greeted = false;
  const timer = setTimeout(() => greeted || socket.destroy(), HELLO_TIMEOUT_MS);
  const close = () => {
    clearTimeout(timer);
    subscribers.delete(connection);
    connection.dispose();
    socket.destroy();
  };
  socket.on('error', close);
  socket.once('close', close);
  connection.onError(close);

  connection.onRequest(async (method, params) => {
    if (method === 'hello') {
      const hello = helloSchema.safeParse(params);
      greeted = hello.success && sameToken(hello.data.token, token);
      if (greeted) return { runId: runId(), pid: process.pid };
    }
    if (!greeted) {
      socket.destroy();
      return null;
    }
    switch (method) {
      case 'subscribe':
        subscribers.add(connection);
        return { seq: seq() };
      case 'pause':
      case 'resume':
      case 'stop':
      case 'checkpoint':
        return await requests.ask({ name: method });
      case 'evaluate':
        return await requests.ask({ name: 'evaluate', params: evaluateSchema.parse(params) });
      default:
        throw new ResponseError(ErrorCodes.MethodNotFound, `There is no request "${method}".`);
    }
  });
  connection.listen();
  socket.on('data', () => {
    if (!greeted && socket.bytesRead > MAX_HELLO_BYTES) socket.destroy();
  });
}

function sameToken(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
