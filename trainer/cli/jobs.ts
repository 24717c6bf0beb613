/** Starting jobs and watching them: the trainer is the same detached process that the editor starts. */
import {
  evaluateFlags,
  followRun,
  launchTrainer,
  liveOwner,
  readRun,
  type Feed,
  type FeedUpdate,
} from '../../client/index';
import type { EvaluateParams } from '../../protocol/control';
import type { RunEvent } from '../../protocol/events';
import { isOnGpu } from '../../protocol/run';
import { bundlePath } from '../jobs/versions';
import { UsageError } from './find';
import { createOutput, type Output } from './output';

/** What a shell gets to know. */
export const exitCodes = { done: 0, failed: 1, usage: 2, unfinished: 3 } as const;

/** What was begun can be gone on with; ends with exit code 3. */
export class UnfinishedError extends Error {}

export async function launch(args: readonly string[]): Promise<string> {
  const options = { nodePath: process.execPath, trainerPath: bundlePath('trainer.mjs'), args, cwd: process.cwd() };
  return (await launchTrainer(options)).runDirectory;
}

/** Watches a training to its end. Ctrl-C asks it to stop at a checkpoint; a second one leaves it alone. */
export async function watchTraining(directory: string, json: boolean): Promise<number> {
  const output = createOutput(json);
  const last = await watch(directory, output, ({ alive }) => !alive, {
    onInterrupt: (feed) => {
      output.say('Stopping at a checkpoint. Press Ctrl-C again to leave without waiting.');
      feed.request('stop', null).catch(() => {});
    },
  });
  output.end();
  const { liveStatus, run } = last;
  if (liveStatus === 'finished') return exitCodes.done;
  const again = `tessera resume ${run.manifest.runId}`;
  if (liveStatus === 'crashed')
    output.say(
      `The trainer crashed at step ${run.step}; see ${directory}/trainer.log. Go on with: ${again}` +
        (isOnGpu(run) ? `, or without the GPU, if its driver took it down: ${again} --device cpu` : ''),
    );
  else if (liveStatus !== 'failed') output.say(`${liveStatus} at step ${run.step}. Go on with: ${again}`);
  return liveStatus === 'failed' || liveStatus === 'crashed' ? exitCodes.failed : exitCodes.unfinished;
}

export type EvaluationEvent = Extract<RunEvent, { type: 'evaluation' }>;

/** Evaluates a checkpoint, by the live trainer if there is one, and returns what it scored. */
export async function evaluateRun(
  directory: string,
  params: EvaluateParams,
  output: Output,
): Promise<EvaluationEvent[]> {
  const { seq: before } = await readRun(directory);
  const live = (await liveOwner(directory)) !== undefined;
  if (!live) await launch(['evaluate', directory, ...evaluateFlags(params)]);

  const events: RunEvent[] = [];
  let isAsked = !live;
  let from = before;
  await watch(
    directory,
    {
      ...output,
      update: (update) => {
        const fresh = update.events.filter(({ seq }) => seq > before);
        events.push(...fresh);
        output.update({ ...update, events: fresh });
      },
    },
    ({ alive }) => !alive || (live && isAsked && events.some((event) => event.type === 'status' && event.seq > from)),
    {
      onStart: async (feed) => {
        if (!live) return;
        await feed.request('evaluate', params);
        from = feed.current().run.seq;
        isAsked = true;
      },
      onInterrupt: (feed) => {
        if (!live) feed.request('stop', null).catch(() => {});
      },
    },
  );
  output.end();
  const failed = events.find((event) => event.type === 'notice' && event.level === 'error');
  if (failed?.type === 'notice') throw new Error(failed.message);
  const found = events.filter((event): event is EvaluationEvent => event.type === 'evaluation');
  // A suite that was done before finds nothing new to do, and reports all the same.
  const asked = params.suite ? 1 : params.kinds.length * (params.steps?.length ?? 1);
  const done = events.filter(({ type }) => type === (params.suite ? 'report' : 'evaluated')).length;
  if (done < asked) {
    throw new UnfinishedError(
      `The evaluation did not come to its end. Ask again to go on; see ${directory}/trainer.log.`,
    );
  }
  return found;
}

interface WatchOptions {
  readonly onStart?: (feed: Feed) => Promise<void>;
  readonly onInterrupt: (feed: Feed) => void;
}

/** Follows a run until `isOver`; resolves to the last update. */
async function watch(
  directory: string,
  output: Output,
  isOver: (update: FeedUpdate) => boolean,
  { onStart, onInterrupt }: WatchOptions,
): Promise<FeedUpdate> {
  let over = (_: FeedUpdate) => {};
  let lost = (_: Error) => {};
  const ended = new Promise<FeedUpdate>((resolve, reject) => {
    over = resolve;
    lost = reject;
  });
  const feed = await followRun(
    directory,
    (update) => {
      output.update(update);
      if (isOver(update)) over(update);
    },
    { onLost: (message) => lost(new UsageError(message)) },
  );
  let interrupted = false;
  const interrupt = () => {
    if (interrupted) process.exit(exitCodes.unfinished);
    interrupted = true;
    onInterrupt(feed);
  };
  process.on('SIGINT', interrupt);
  try {
    await onStart?.(feed);
    return await ended;
  } finally {
    process.off('SIGINT', interrupt);
    feed.dispose();
  }
}
