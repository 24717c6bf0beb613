/** What a schema cannot say: which values of an experiment config do not go together. */
import { localSizeOf, orderCount, tilingOf } from './config';
import type {
  ColorizationConfig,
  DataConfig,
  DinoConfig,
  ExperimentConfig,
  InpaintingConfig,
  JigsawConfig,
  MaeConfig,
  MocoConfig,
  OptimizerConfig,
  TransferConfig,
  TransformConfig,
  VitConfig,
} from './config';
import { vitSizes } from './training';

export type JsonPath = readonly (string | number)[];

/** Called with the value to change, what is wrong with it, and how to mend it. */
export type Complain = (path: JsonPath, message: string) => void;

export function checkMeaning(config: ExperimentConfig, complain: Complain): void {
  checkData(config, complain);
  if (checkBackbone(config, complain)) checkMethod(config, complain);
  for (const block of ['pretrain', 'finetune'] as const) {
    const { steps, epochs, batchSize, optimizer, transform } = config[block];
    if (steps !== undefined && epochs !== undefined) {
      complain([block, 'epochs'], 'Give either "steps" or "epochs", not both; remove one of them.');
    }
    checkOptimizer(optimizer, batchSize, [block, 'optimizer'], complain);
    checkTransform(transform, [block, 'transform'], complain);
  }
  checkLabels(config.probe.labels, ['probe', 'labels'], complain);
  checkLabels(config.finetune.labels, ['finetune', 'labels'], complain);
  if (config.transfer) checkTransfer(config, config.transfer, complain);
  checkClusters(config, complain);
  checkBlocks(config, complain);
  checkDevice(config, complain);
  checkPrecision(config, complain);
}

/** Which devices an engine can run on. */
const devicesOf: Record<'onnx' | 'tensorflow', readonly string[]> = {
  onnx: ['cpu', 'wasm', 'webgpu'],
  tensorflow: ['cpu', 'cuda'],
};

function checkDevice({ engine, device }: ExperimentConfig, complain: Complain): void {
  if (engine === 'auto' || device === 'auto' || device === 'cpu') return;
  if (engine === 'reference') {
    const other = device === 'cuda' ? 'tensorflow' : 'onnx';
    complain(['device'], `The reference engine runs on the CPU only; remove "device" or use the ${other} engine.`);
  } else if (!devicesOf[engine].includes(device)) {
    const devices = devicesOf[engine].map((name) => `"${name}"`).join(' or ');
    complain(['device'], `The ${engine} engine runs on ${devices}; say one of them, or "auto".`);
  }
}

function checkPrecision({ engine, device, pretrain }: ExperimentConfig, complain: Complain): void {
  if (pretrain.precision !== 'mixed') return;
  const fix = 'say "float32"';
  if (engine === 'tensorflow' || engine === 'reference') {
    complain(['pretrain', 'precision'], `The ${engine} engine has no mixed precision; ${fix}, or use the onnx engine.`);
  } else if (device === 'cuda') {
    complain(['pretrain', 'precision'], `There is no mixed precision on "cuda"; ${fix}, or use "webgpu".`);
  }
}

function checkData({ data, pretrain, robustness }: ExperimentConfig, complain: Complain): void {
  checkTestSource(data, 'data', complain);
  if (robustness.shift?.source === data.source) {
    complain(
      ['robustness', 'shift', 'source'],
      'These are the images that the encoder was trained on, no other data set; name another, or remove "shift".',
    );
  }
  if (data.train !== undefined && pretrain.batchSize > data.train) {
    complain(
      ['pretrain', 'batchSize'],
      `A batch of ${pretrain.batchSize} is larger than the training set of ${data.train} ("data.train"); use at most ${data.train}.`,
    );
  }
}

/** Whether the images can be cut into the patches of the backbone, if it has any. */
function checkBackbone({ data: { imageSize }, pretrain: { backbone } }: ExperimentConfig, complain: Complain): boolean {
  if (backbone.type !== 'vit') return true;
  const { patchSize } = backbone;
  checkSize(backbone, complain);
  checkTransformer(backbone, ['pretrain', 'backbone'], complain);
  if (Math.round(backbone.width * backbone.mlpRatio) < 1) {
    complain(
      ['pretrain', 'backbone', 'mlpRatio'],
      `${backbone.mlpRatio} x the width of ${backbone.width} leaves no hidden units; use at least ${1 / backbone.width}.`,
    );
  }
  if (imageSize % patchSize === 0) return true;
  complain(
    ['pretrain', 'backbone', 'patchSize'],
    `The patch size must divide the image size: ${imageSize} is not a multiple of ${patchSize}; use one of ${divisors(imageSize).join(', ')}.`,
  );
  return false;
}

/** A named size is what it says. */
function checkSize({ size, ...given }: VitConfig, complain: Complain): void {
  if (size === undefined) return;
  for (const key of ['width', 'depth', 'heads'] as const) {
    const own = vitSizes[size][key];
    if (given[key] === own) continue;
    complain(
      ['pretrain', 'backbone', key],
      `The size "${size}" has ${key === 'heads' ? '' : 'a '}${key} of ${own}, not ${given[key]}; remove "${key}", or "size" to give width, depth and heads yourself.`,
    );
  }
}

/** Side in px of the smallest cell that has room for a tile and a gap. */
const LEAST_CELL = 5;

/** What the pretext task asks of the other values. */
function checkMethod({ data, pretrain }: ExperimentConfig, complain: Complain): void {
  if (pretrain.gradientCheckpointing && pretrain.backbone.type !== 'vit') {
    complain(
      ['pretrain', 'gradientCheckpointing'],
      `Only the blocks of a "vit" can be computed again for the gradient, not those of a "${pretrain.backbone.type}"; remove "gradientCheckpointing", or lower "batchSize".`,
    );
  }
  switch (pretrain.method) {
    case 'mae':
      checkTransformer(pretrain.decoder, ['pretrain', 'decoder'], complain);
      if (needsPatches(pretrain, complain)) checkMask(pretrain, data.imageSize, complain);
      break;
    case 'jigsaw':
      checkPermutations(pretrain, complain);
      checkTiles(pretrain, data.imageSize, complain);
      break;
    case 'rotation':
      break;
    case 'simclr':
      checkNegatives(pretrain.batchSize, complain);
      break;
    case 'moco':
      if (pretrain.version === 'v2') checkQueue(pretrain, data.train, complain);
      else checkNegatives(pretrain.batchSize, complain);
      break;
    case 'dino':
      checkDino(pretrain, data.imageSize, complain);
      break;
    case 'inpainting':
      checkTransformer(pretrain.decoder, ['pretrain', 'decoder'], complain);
      needsPatches(pretrain, complain);
      checkHole(pretrain, data.imageSize, complain);
      break;
    case 'colorization':
      if (needsPatches(pretrain, complain)) checkCells(pretrain, complain);
      checkColours(pretrain.transform, complain);
  }
}

/** For methods whose negatives are the other images of the batch. */
function checkNegatives(batchSize: number, complain: Complain): void {
  if (batchSize > 1) return;
  complain(
    ['pretrain', 'batchSize'],
    'A batch of one image has no others to tell it from; use at least 2, better 64 or more.',
  );
}

function checkQueue({ queue, batchSize }: MocoConfig, images: number | undefined, complain: Complain): void {
  const wrong = queueProblem(queue, batchSize, images);
  if (wrong) complain(['pretrain', 'queue'], wrong);
}

/** What is wrong with a queue of keys for so many training images, if their number is known. */
export function queueProblem(queue: number, batchSize: number, images = Infinity): string | undefined {
  const most = Math.floor(images / batchSize) * batchSize;
  if (most === 0) return undefined; // the batch is too large, which is said of the batch
  if (queue > images) {
    return `A queue of ${queue} is larger than the training set of ${images}, so an image would be told from itself; use at most ${most}.`;
  }
  if (queue % batchSize === 0) return undefined;
  const nearest = Math.min(most, Math.max(1, Math.round(queue / batchSize)) * batchSize);
  return `Each batch takes the place of the oldest in the queue, and ${queue} is not a multiple of the batch of ${batchSize}; use ${nearest}.`;
}

function needsPatches({ method, backbone }: ExperimentConfig['pretrain'], complain: Complain): boolean {
  if (backbone.type === 'vit') return true;
  complain(
    ['pretrain', 'backbone', 'type'],
    `The method "${method}" needs a token of each patch, which a "${backbone.type}" has not; use "vit".`,
  );
  return false;
}

function checkMask({ backbone, maskRatio, masking }: MaeConfig, imageSize: number, complain: Complain): void {
  if (backbone.type !== 'vit') return;
  const side = imageSize / backbone.patchSize;
  const patches = side ** 2;
  if (masking === 'grid' && maskRatio !== 0.75) {
    complain(
      ['pretrain', 'maskRatio'],
      `The masking "grid" leaves one of every four patches, which is a mask ratio of 0.75, not ${maskRatio}; use 0.75, or the masking "random".`,
    );
    return;
  }
  if (masking === 'grid' && side % 2 !== 0) {
    complain(
      ['pretrain', 'masking'],
      `The masking "grid" needs an even number of patches along a side, not ${side} (${imageSize} px in patches of ${backbone.patchSize}); use "random", or another patch size.`,
    );
    return;
  }
  // As in the method: the visible patches are counted and rounded down, the rest is masked, at least one.
  const visible = Math.floor(patches * (1 - maskRatio));
  if (visible === patches) {
    complain(
      ['pretrain', 'maskRatio'],
      `Of ${patches} patches a mask ratio of ${maskRatio} hides none; use at least ${1 / patches}.`,
    );
  }
  if (visible >= 1) return;
  const fix = patches > 1 ? `use at most ${Math.floor((1 - 1 / patches) * 1000) / 1000}` : 'use smaller patches';
  complain(
    ['pretrain', 'maskRatio'],
    `Of ${patches} ${patches === 1 ? 'patch' : 'patches'} (${imageSize} px in patches of ${backbone.patchSize}) a mask ratio of ${maskRatio} leaves none visible; ${fix}.`,
  );
}

function checkDino(config: DinoConfig, imageSize: number, complain: Complain): void {
  const { backbone, localViews, studentTemperature, teacherTemperature } = config;
  const unit = backbone.type === 'vit' ? backbone.patchSize : 1;
  const localSize = localSizeOf(config, imageSize);
  const fits = localSize % unit === 0 && localSize <= imageSize;
  if (localViews > 0 && !fits) {
    const nearest = Math.min(imageSize, Math.max(1, Math.round(localSize / unit)) * unit);
    const problem =
      localSize > imageSize
        ? `Small views of ${localSize} px are larger than the images of ${imageSize} px ("data.imageSize")`
        : localSize < unit
          ? `A small view of ${localSize} px has no room for a patch of ${unit} px`
          : `The patch size must divide the small views: ${localSize} is not a multiple of ${unit}`;
    complain(['pretrain', 'localSize'], `${problem}; use ${nearest}.`);
  }
  teacherTemperature.forEach((temperature, i) => {
    if (temperature < studentTemperature) return;
    complain(
      ['pretrain', 'teacherTemperature', i],
      `The teacher's assignments must be sharper than the student's, or both end in the same one for all images: use less than "studentTemperature", which is ${studentTemperature}.`,
    );
  });
  checkTransform(config.secondTransform, ['pretrain', 'secondTransform'], complain);
  checkTransform(config.localTransform, ['pretrain', 'localTransform'], complain);
}

function checkPermutations({ grid, permutations }: JigsawConfig, complain: Complain): void {
  const tiles = grid ** 2;
  const most = orderCount(tiles);
  if (permutations <= most) return;
  complain(
    ['pretrain', 'permutations'],
    `${tiles} tiles have ${most} orders, fewer than ${permutations}; use at most ${most}, or a larger "grid".`,
  );
}

function checkTiles(config: JigsawConfig, imageSize: number, complain: Complain): void {
  const { grid, backbone } = config;
  const { cell, tile } = tilingOf(config, imageSize);
  const patch = backbone.type === 'vit' ? backbone.patchSize : 1;
  const cells = `A grid of ${grid} x ${grid} on images of ${imageSize} px has cells of ${cell} px`;
  const orSmallerGrid = (needed: number) => (grid > 2 && imageSize >= 2 * needed ? ', or a "grid" of 2' : '');
  if (cell < LEAST_CELL) {
    const fix = `use at least ${LEAST_CELL * grid}${orSmallerGrid(LEAST_CELL)}`;
    complain(['data', 'imageSize'], `${cells}, too small for tiles with anything to see; ${fix}.`);
  } else if (patch > cell) {
    const fix = `use one of ${divisors(imageSize, cell).join(', ')}${orSmallerGrid(patch)}, or a larger "data.imageSize"`;
    complain(['pretrain', 'backbone', 'patchSize'], `${cells}, in which no patch of ${patch} px fits; ${fix}.`);
  } else if (tile > cell) {
    const fix = `use at most ${cell - (cell % patch)}${orSmallerGrid(tile)}, or a larger "data.imageSize"`;
    complain(['pretrain', 'tileSize'], `${cells}, too small for tiles of ${tile} px; ${fix}.`);
  } else if (tile % patch !== 0) {
    complain(
      ['pretrain', 'tileSize'],
      `The patch size must divide the tile size: ${tile} is not a multiple of ${patch}; use ${Math.max(patch, tile - (tile % patch))}.`,
    );
  }
}

/** A hole is at least a pixel, and leaves at least one. */
function checkHole({ hole, holeArea }: InpaintingConfig, imageSize: number, complain: Complain): void {
  // As in the method: the side of a square is rounded, and so is what blocks cover.
  const [cut, all] =
    hole === 'centre'
      ? [Math.round(Math.sqrt(holeArea) * imageSize), imageSize]
      : [Math.round(holeArea * imageSize ** 2), imageSize ** 2];
  if (cut >= 1 && cut < all) return;
  const what = `A hole of ${holeArea} of ${imageSize} x ${imageSize} px`;
  complain(
    ['pretrain', 'holeArea'],
    cut < 1
      ? `${what} is smaller than a pixel; use more, such as 0.25.`
      : `${what} is as large as the image and leaves nothing to see; use less, such as 0.25.`,
  );
}

function checkCells({ backbone, cells }: ColorizationConfig, complain: Complain): void {
  if (backbone.type !== 'vit' || backbone.patchSize % cells === 0) return;
  complain(
    ['pretrain', 'cells'],
    `The cells must divide the patch size: ${backbone.patchSize} is not a multiple of ${cells}; use one of ${divisors(backbone.patchSize).join(', ')}.`,
  );
}

function checkColours({ grayscale }: TransformConfig, complain: Complain): void {
  if (grayscale < 1) return;
  complain(
    ['pretrain', 'transform', 'grayscale'],
    'All views are grey, and colours are what the method "colorization" learns from; use 0.',
  );
}

function checkTransformer({ width, heads }: { width: number; heads: number }, path: JsonPath, complain: Complain) {
  if (width % 4 !== 0) {
    complain(
      [...path, 'width'],
      `The width must be a multiple of 4 (sine-cosine positions need it); use ${Math.ceil(width / 4) * 4}.`,
    );
  }
  if (width % heads !== 0) {
    complain(
      [...path, 'heads'],
      `The heads must divide the width: ${width} is not a multiple of ${heads}; use one of ${divisors(width, 16).join(', ')}.`,
    );
  }
}

function checkOptimizer({ baseLr, minLr }: OptimizerConfig, batchSize: number, path: JsonPath, complain: Complain) {
  const peak = (baseLr * batchSize) / 256;
  if (minLr > peak) {
    complain(
      [...path, 'minLr'],
      `The learning rate would end above its peak: ${minLr} is more than baseLr x batchSize / 256 = ${Number(peak.toPrecision(3))}; use less.`,
    );
  }
}

function checkTransform({ crop }: TransformConfig, path: JsonPath, complain: Complain): void {
  if (crop !== null && crop[0] > crop[1]) {
    complain([...path, 'crop'], `The crop range is reversed; use [${crop[1]}, ${crop[0]}].`);
  }
}

function checkLabels(labels: readonly number[], path: JsonPath, complain: Complain): void {
  // Each share is a training of its own, and one of its baseline.
  if (labels.length > 10) {
    complain(path, `${labels.length} shares of labels are ${labels.length} trainings; list at most 10.`);
    return;
  }
  labels.forEach((share, i) => {
    if (labels.indexOf(share) < i) complain([...path, i], `${share} is listed twice; remove one.`);
  });
}

function checkTransfer({ data }: ExperimentConfig, transfer: TransferConfig, complain: Complain): void {
  checkLabels(transfer.labels, ['transfer', 'labels'], complain);
  if (transfer.source === data.source && transfer.testSource === data.testSource) {
    complain(
      ['transfer', 'source'],
      'These are the images of the pretraining; name another data set, or list shares of labels in "probe.labels".',
    );
  }
  checkTestSource(transfer, 'transfer', complain);
}

function checkTestSource(images: Pick<DataConfig, 'source' | 'testSource'>, block: string, complain: Complain): void {
  if (images.testSource === undefined || images.testSource !== images.source) return;
  complain(
    [block, 'testSource'],
    'The test images must not be the training images; name another folder, or remove "testSource".',
  );
}

function checkClusters({ data, cluster: { k, images } }: ExperimentConfig, complain: Complain): void {
  const most = Math.min(images ?? Infinity, data.test ?? Infinity);
  if (k === undefined || k <= most) return;
  const field = most === images ? 'cluster.images' : 'data.test';
  complain(['cluster', 'k'], `${most} images ("${field}") cannot form ${k} clusters; use at most ${most}.`);
}

/** An encoder has so many blocks to train, and to take features of. */
function checkBlocks({ pretrain: { backbone }, probe, finetune }: ExperimentConfig, complain: Complain): void {
  const most = backbone.type === 'vit' ? backbone.depth : resnetBlocks[backbone.type];
  const has = `The encoder has ${most} ${most === 1 ? 'block' : 'blocks'} ("pretrain.backbone"), not`;
  if (finetune.blocks !== undefined && finetune.blocks > most) {
    complain(
      ['finetune', 'blocks'],
      `${has} ${finetune.blocks}; use at most ${most}, or remove "blocks" to train all weights.`,
    );
  }
  if (probe.layers > most) complain(['probe', 'layers'], `${has} ${probe.layers}; give "layers", at most ${most}.`);
}

const resnetBlocks = { resnet18: 8, resnet50: 16 } as const;

function divisors(n: number, limit = n): number[] {
  return Array.from({ length: Math.min(n, limit) }, (_, i) => i + 1).filter((d) => n % d === 0);
}
