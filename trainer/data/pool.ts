/** A few threads that do tasks. With 0 threads the tasks run here: the same results, for tests and tiny sets. */
import { Worker } from 'node:worker_threads';
import { DataError } from './errors';
import { runTask, type Task, type TaskResult } from './tasks';

export interface Pool {
  readonly threads: number;
  /** Resolves to the task's result. Rejects when the task throws or its thread dies. */
  run<T extends Task>(task: T): Promise<TaskResult<T>>;
  dispose(): Promise<void>;
}

export interface ThreadOptions {
  readonly threads: number;
  /** The bundled worker.ts; beside this bundle by default. */
  readonly workerFile?: string | URL;
}

/** What a thread answers: the request's number and its result or error. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly expected: boolean };
}

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export function createPool({ threads, workerFile = new URL('./worker.mjs', import.meta.url) }: ThreadOptions): Pool {
  if (threads === 0) return { threads, run: (task) => runTask(task), dispose: () => Promise.resolve() };

  let failure: Error | undefined;
  let nextId = 0;
  const members = Array.from({ length: threads }, () => {
    const waiting = new Map<number, Waiting>();
    const worker = new Worker(workerFile);
    // A pool that nobody waits for must not keep the process alive.
    worker.unref();
    const fail = (error: Error) => {
      failure ??= error;
      for (const { reject } of waiting.values()) reject(failure);
      waiting.clear();
    };
    worker.on('message', ({ id, result, error }: Answer) => {
      const request = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) worker.unref();
      if (error) request?.reject(error.expected ? new DataError(error.message) : new Error(error.message));
      else request?.resolve(result as never);
    });
    worker.on('error', (error) => fail(new Error(`an image-loading thread failed: ${error.message}`)));
    worker.on('exit', (code) => fail(new Error(`an image-loading thread ended with code ${code}`)));
    return { worker, waiting };
  });

  return {
    threads,
    run(task) {
      if (failure) return Promise.reject(failure);
      const { worker, waiting } = members.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
      const id = nextId++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.ref();
        worker.postMessage({ id, task });
      });
    },
    async dispose() {
      failure ??= new Error('the image loader was closed');
      await Promise.all(members.map(({ worker }) => worker.terminate()));
    },
  };
}
