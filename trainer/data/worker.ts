/** One image-loading thread: does the tasks it is sent, one after another. */
import { parentPort } from 'node:worker_threads';
import { DataError } from './errors';
import type { Answer } from './pool';
import { runTask, transferred, type Task } from './tasks';

parentPort?.on('message', ({ id, task }: { id: number; task: Task }) => {
  runTask(task).then(
    (result) => parentPort?.postMessage({ id, result } satisfies Answer, transferred(result)),
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      parentPort?.postMessage({ id, error: { message, expected: error instanceof DataError } } satisfies Answer);
    },
  );
});
