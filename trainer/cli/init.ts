import { writeFile } from 'node:fs/promises';
import { describeDiskError } from '../jobs/synced';
import { UsageError } from './find';

/** A config to begin with: valid, small, and commented where a choice is to be made. */
function template(source: string): string {
  return `{
  // A folder of images (with one subfolder per class if there are labels), a data set as published (CIFAR, STL-10,
  // IDX, .npz), or builtin:shapes.
  "data": { "source": ${JSON.stringify(source)}, "imageSize": 32 },

  // Pretraining without labels: a masked autoencoder learns to fill in hidden patches.
  "pretrain": {
    "backbone": { "patchSize": 4, "width": 128, "depth": 6, "heads": 4 },
    "decoder": { "width": 64, "depth": 2, "heads": 4 },
    "batchSize": 64,
    "epochs": 20,
    "optimizer": { "baseLr": 1.5e-3, "clipNorm": 1 },
  },

  // Judging the frozen encoder, and training on with labels: each beside its baseline.
  "probe": { "labels": [0.1, 1] },
  "finetune": { "labels": [0.1], "epochs": 20 },
}
`;
}

/** Writes a new config file. Never touches one that is there. */
export async function init(file: string, source: string): Promise<string> {
  const name = file.endsWith('.tessera.jsonc') ? file : `${file.replace(/\.(tessera|jsonc?)$/, '')}.tessera.jsonc`;
  try {
    await writeFile(name, template(source), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new UsageError(`${name} is there already.`);
    throw new Error(`Cannot write ${name}: ${describeDiskError(error)}`, { cause: error });
  }
  return name;
}
