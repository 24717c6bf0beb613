/** The text of a new experiment: valid, commented, short. Pure. */
import type { PretrainConfig } from '../protocol/config';

export type Method = PretrainConfig['method'];

export interface DataChoice {
  /** As it is written in the config: `builtin:shapes`, or a folder or file relative to it. */
  readonly source: string;
  readonly imageSize: number;
  /** A data set in its publisher's files, which have its labels. */
  readonly published?: boolean;
}

interface MethodChoice {
  /** As in a menu. */
  readonly title: string;
  /** What is learnt from, in a line. */
  readonly task: string;
}

/** The pretext tasks that an experiment can begin with. */
export const methods: Readonly<Record<Method, MethodChoice>> = {
  mae: {
    title: 'masked autoencoder (He et al. 2021)',
    task: 'Most patches of an image are hidden; the encoder sees the rest, and a small decoder fills them in.',
  },
  simclr: {
    title: 'SimCLR (Chen et al. 2020)',
    task: 'Each view of an image must find the other view of it among all others of the batch.',
  },
  moco: {
    title: 'MoCo (He et al. 2019, Chen et al. 2021)',
    task: 'Each view must find what a slowly moving copy of the encoder made of another view of its image.',
  },
  dino: {
    title: 'DINO (Caron et al. 2021)',
    task: 'Small views of an image must agree with what a slowly moving teacher says of large ones.',
  },
  inpainting: {
    title: 'inpainting (Pathak et al. 2016)',
    task: 'A hole is cut into the pixels of each image and filled in from what is around it.',
  },
  colorization: {
    title: 'colorization (Zhang et al. 2016)',
    task: 'The encoder sees the lightness of an image and says its colours.',
  },
  jigsaw: {
    title: 'jigsaw (Noroozi and Favaro 2016)',
    task: 'The tiles of an image are put in another order, and the encoder says in which.',
  },
  rotation: {
    title: 'rotation (Gidaris et al. 2018)',
    task: 'An image is turned by quarters, and the encoder says by how many.',
  },
};

export const sizes = {
  tiny: { patchSize: 4, width: 64, depth: 4, heads: 4, decoder: { width: 64, depth: 1, heads: 4 }, epochs: 20 },
  small: { patchSize: 4, width: 128, depth: 6, heads: 4, decoder: { width: 64, depth: 2, heads: 4 }, epochs: 100 },
  base: { patchSize: 4, width: 192, depth: 12, heads: 3, decoder: { width: 128, depth: 4, heads: 4 }, epochs: 200 },
} as const;

export type Size = keyof typeof sizes;

/** Weights of the encoder, in millions: what one size costs against another. */
export function encoderMillions(size: Size): number {
  const { width, depth, patchSize } = sizes[size];
  // Per block: 4 d^2 in the attention, 8 d^2 in the MLP; and the patch projection.
  return (12 * width * width * depth + 3 * patchSize * patchSize * width) / 1e6;
}

/** What stands in the `pretrain` block besides the defaults of the method. */
const ownLines = (method: Method, { decoder }: (typeof sizes)[Size]): readonly string[] =>
  method === 'mae'
    ? [
        '"maskRatio": 0.75,',
        `"decoder": { "width": ${decoder.width}, "depth": ${decoder.depth}, "heads": ${decoder.heads} },`,
        '// Peak learning rate = baseLr x batchSize / 256.',
        '"optimizer": { "baseLr": 1e-3 },',
      ]
    : [];

export function experimentText({ source, imageSize, published }: DataChoice, method: Method, size: Size): string {
  const { width, depth, heads, epochs } = sizes[size];
  // As many patches per side whatever the image size, so that the forecast of a size holds for each.
  const patchSize = Math.max(sizes[size].patchSize, imageSize / 16);
  const about = source.startsWith('builtin:')
    ? 'Images that are drawn on the fly, in 10 classes.'
    : published
      ? 'Relative to this file. Pretraining does not look at the labels.'
      : 'Relative to this file. Subfolders, if any, are classes; pretraining does not look at them.';
  const labelled = published || source.startsWith('builtin:');
  const { title, task } = methods[method];
  const own = ownLines(method, sizes[size]).map((line) => `    ${line}\n`);
  return `// ${title[0]!.toUpperCase()}${title.slice(1)}. ${task}
// The encoder is what you keep. Press "Pretrain" above its block.
{
  "data": {
    // ${about}
    "source": ${JSON.stringify(source)},
    "imageSize": ${imageSize}
  },

  "pretrain": {
    "method": "${method}",
    "backbone": { "patchSize": ${patchSize}, "width": ${width}, "depth": ${depth}, "heads": ${heads} },
${own.join('')}    "batchSize": 64,
    "epochs": ${epochs}
  },

  // A linear classifier on the frozen encoder, beside one on an untrained encoder.${labelled ? '' : ' Needs class subfolders.'}
  "probe": {
    "labels": [1, 0.1]
  },

  // All weights trained with labels, beside the same training from scratch.
  "finetune": {
    "labels": [0.1],
    "epochs": 50
  }
}
`;
}

/** "photos" -> "mae-photos.tessera.jsonc", or with a number when that is taken. */
export function freeFileName(method: Method, source: string, taken: ReadonlySet<string>): string {
  const last =
    source
      .replace(/^builtin:/, '')
      .split('/')
      .filter((part) => /\w/.test(part))
      .at(-1) ?? 'images';
  const stem = `${method}-${last.toLowerCase().replace(/[^\w-]+/g, '-')}`;
  for (let n = 1; ; n++) {
    const name = `${stem}${n > 1 ? `-${n}` : ''}.tessera.jsonc`;
    if (!taken.has(name)) return name;
  }
}

export interface ImageFolder {
  /** Relative to the workspace folder, with forward slashes; '.' for itself. */
  readonly folder: string;
  /** Image files seen in it, a lower bound. */
  readonly images: number;
}

/**
 * Folders that look like data sets, from the paths of some image files: class folders side by side, and
 * `train` and `test` side by side, count as one. Most images first.
 */
export function guessDataSets(paths: readonly string[]): ImageFolder[] {
  let counts = countBy(paths, parentOf);
  // First sibling classes join in their parent, then train and test in theirs.
  for (const joins of [
    (siblings: readonly string[]) => siblings.length > 1,
    (siblings: readonly string[]) => siblings.some((name) => /(^|\/)train(ing)?$/i.test(name)),
  ]) {
    const families = new Map<string, string[]>();
    for (const folder of counts.keys()) {
      if (folder === '.') continue;
      families.set(parentOf(folder), [...(families.get(parentOf(folder)) ?? []), folder]);
    }
    const next = new Map(counts);
    for (const [above, siblings] of families) {
      if (!joins(siblings)) continue;
      for (const sibling of siblings) {
        next.set(above, (next.get(above) ?? 0) + counts.get(sibling)!);
        next.delete(sibling);
      }
    }
    counts = next;
  }
  return [...counts]
    .map(([folder, images]) => ({ folder, images }))
    .sort((a, b) => b.images - a.images || (a.folder < b.folder ? -1 : 1));
}

function countBy(paths: readonly string[], key: (path: string) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const path of paths) counts.set(key(path), (counts.get(key(path)) ?? 0) + 1);
  return counts;
}

function parentOf(path: string): string {
  const end = path.lastIndexOf('/');
  return end < 0 ? '.' : path.slice(0, end);
}
