import type { TransferConfig } from '../../protocol/config';
import { join } from 'node:path';
import { formatStep } from '../../protocol/format';
import { openData, openTestImages, type Data, type DataOptions } from '../data/index';
import type { LoadedCheckpoint } from './checkpoint';
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
    ...(other && { testSource: undefined, train: undefined, test: undefined, ...other, block: 'transfer' as const }),
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

/**
 * The images as the encoder of a checkpoint knows them: normalised as when it was trained, whatever has been added to
 * them or taken away since. Where something has, the journal is told.
 */
export function asTrained(
  session: Session,
  data: Data,
  { step, normalization }: Pick<LoadedCheckpoint, 'step' | 'normalization'>,
): Data {
  const { mean, std } = normalization;
  const isSame = [0, 1, 2].every((c) => Math.abs(data.mean[c]! - mean[c]!) + Math.abs(data.std[c]! - std[c]!) < 1e-6);
  if (!isSame) {
    const message = `The images in ${session.config.data.source} are not those that step ${formatStep(step)} was trained on: they were changed since. The encoder sees them normalised as it was trained; images that it was trained on may now be test images.`;
    noticeOnce(session, 'warning', message);
  }
  return { ...data, mean, std };
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

function noticeOnce({ run, emit }: Session, level: 'info' | 'warning', message: string): void {
  if (!run().notices.some((known) => known.message === message)) emit({ type: 'notice', level, message });
}

function tellOf(session: Session, data: Pick<Data, 'notes' | 'skipped'>): void {
  for (const note of data.notes) noticeOnce(session, 'info', note);
  if (data.skipped.length > 0) {
    const shown = data.skipped.slice(0, 10).map(({ file, reason }) => `\n  ${file}: ${reason}`);
    const more = data.skipped.length > 10 ? `\n  and ${data.skipped.length - 10} more` : '';
    const message = `${data.skipped.length} unreadable image files were left out:${shown.join('')}${more}`;
    noticeOnce(session, 'warning', message);
  }
}
