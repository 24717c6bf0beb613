import type { ListedRun } from '../../client/index';
import { checkpointSteps, loadCheckpoint, originOf } from '../jobs/checkpoint';
import { exportEncoder } from '../jobs/export';
import { frozenConfig } from '../jobs/session';
import { createMethod } from '../methods/index';
import { UsageError } from './find';

/** Writes the encoder of a run's checkpoint, the newest by default, to `file`. */
export async function exportRun({ directory, manifest }: ListedRun, step: number | undefined, file: string) {
  const config = frozenConfig(directory, manifest);
  const steps = await checkpointSteps(directory);
  const asked = step ?? steps.at(-1);
  if (asked === undefined || !steps.includes(asked)) {
    const known = steps.length > 0 ? `It has those of steps ${steps.join(', ')}.` : 'It has none.';
    throw new UsageError(
      `${manifest.runId} has no checkpoint ${step === undefined ? 'to export' : `of step ${step}`}. ${known}`,
    );
  }
  const method = createMethod(config.pretrain, config.data.imageSize);
  const wanted = { origin: originOf(manifest.runId, config), specs: method.init(config.seed) };
  const { state, normalization } = await loadCheckpoint(directory, asked, wanted, 'model');
  const tensors = await exportEncoder(file, method.evaluated?.(state) ?? state, {
    config,
    runId: manifest.runId,
    step: asked,
    normalization,
  });
  return { step: asked, tensors };
}
