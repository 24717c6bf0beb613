import type { TransferConfig } from '../../protocol/config';
import { join } from 'node:path';
import { openData, openTestImages, type Data, type DataOptions } from '../data/index';
import type { Session } from './session';

const PROGRESS_MS = 1000;

export interface RunDataOptions {
  readonly signal?: AbortSignal;
  readonly unlabelled?: boolean;
  /** Other images than those of the run, read as those are. */
  readonly data?: Pick<TransferConfig, 'source' | 'testSource' | 'train' | 'test'>;
}

/**
 * Opens the images of a run, telling in its journal how far it is and what had to be left out. Gives way to `signal`.
 * Those without labels are opened when `unlabelled` asks for them: there can be many, and only pretraining needs them.
 */
export async function openRunData(
  session: Session,
  { signal, unlabelled, data: other }: RunDataOptions = {},
): Promise<Data> {
  const data = await openData({
    ...optionsOf(session, signal),
    ...(other && { testSource: undefined, train: undefined, test: undefined, ...other }),
    unlabelled,
  });
  tellOf(session, data);
  return data;
}

/** Opens test images of another source with the same classes, which `field` of the config names, read as the run's own. */
export async function openRunTestImages(session: Session, source: string, field: string, classes: readonly string[]) {
  const images = await openTestImages({ ...optionsOf(session), source, test: undefined }, field, classes);
  tellOf(session, images);
  return images;
}

function optionsOf({ config, project, run, emit, requests }: Session, signal?: AbortSignal): DataOptions {
  let told = Date.now();
  return {
    ...config.data,
    seed: config.seed,
    baseFolder: project,
    cacheFolder: join(project, '.tessera', 'cache'),
    signal: signal ? AbortSignal.any([requests.ending, signal]) : requests.ending,
    onProgress: ({ message, done, total }) => {
      if (Date.now() - told < PROGRESS_MS) return;
      told = Date.now();
      emit({ type: 'status', status: run().status, reason: `${message}: ${done} of ${total}` });
    },
  };
}

function tellOf({ run, emit }: Session, data: Pick<Data, 'notes' | 'skipped'>): void {
  const known = new Set(run().notices.map(({ message }) => message));
  const notice = (level: 'info' | 'warning', message: string) => {
    if (!known.has(message)) emit({ type: 'notice', level, message });
  };
  for (const note of data.notes) notice('info', note);
  if (data.skipped.length > 0) {
    const shown = data.skipped.slice(0, 10).map(({ file, reason }) => `\n  ${file}: ${reason}`);
    const more = data.skipped.length > 10 ? `\n  and ${data.skipped.length - 10} more` : '';
    notice('warning', `${data.skipped.length} unreadable image files were left out:${shown.join('')}${more}`);
  }
}
