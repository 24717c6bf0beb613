/** A run as a trainer would write it: its events, and the files that they name. */
import sharp from 'sharp';
import type {
  ClusterFile,
  EmbeddingFile,
  EventBody,
  HealthFile,
  NeighboursFile,
  PicturesFile,
  ProbeFile,
  RobustnessFile,
  RunEvent,
  RunManifest,
} from '../../../protocol/events';
import { random } from '../../../trainer/random/random';

export const manifest: RunManifest = {
  version: 1,
  runId: '20261123-184200-a1b2',
  experiment: 'shapes',
  configFile: 'shapes.tessera.jsonc',
  config: { pretrain: { batchSize: 64 } },
  createdAt: Date.UTC(2026, 10, 23, 18, 42),
  versions: {},
};

const classes = ['circle', 'square', 'triangle', 'star', 'cross', 'ring', 'heart', 'moon', 'arrow', 'bar'];

/** The pictures are the same in every test. */
function uniform(seed: number): () => number {
  const generator = random(seed, 'dashboard');
  return () => generator.uniform();
}

export function launched(totalSteps: number, more: Partial<Extract<EventBody, { type: 'launched' }>> = {}): EventBody {
  return { type: 'launched', job: 'pretrain', pid: 4242, fromStep: 0, totalSteps, engine: 'onnx cpu', ...more };
}

export function metricRow(step: number, totalSteps: number): EventBody {
  const draw = uniform(step);
  const warmup = Math.min(1, step / (0.05 * totalSteps));
  const loss = 0.32 + 0.66 * Math.exp((-6 * step) / totalSteps) + 0.05 * (draw() - 0.5);
  return {
    type: 'metrics',
    step,
    values: {
      'train/loss': loss,
      'train/lr': 6e-4 * warmup * 0.5 * (1 + Math.cos((Math.PI * step) / totalSteps)),
      'perf/images_per_second': 402 + 40 * (draw() - 0.5) - (step % 500 === 0 ? 150 : 0),
      'perf/memory_mb': 611 + 3 * draw(),
      'perf/data_wait': 0.004 + 0.01 * draw() ** 3,
      'train/grad_norm': 0.4 + 1.2 * Math.exp((-9 * step) / totalSteps) + 0.2 * draw(),
    },
  };
}

/** Numbered and timed as a journal is. */
export function journal(bodies: readonly EventBody[], firstSeq = 0): RunEvent[] {
  return bodies.map((body, index) => ({
    ...body,
    seq: firstSeq + index,
    time: manifest.createdAt + (firstSeq + index) * 250,
  }));
}

const name = (kind: string, step: number) => `media/${kind}-${String(step).padStart(6, '0')}.json`;

/** Training up to `steps` of `totalSteps`, with everything that comes along the way. */
export function training(
  steps: number,
  totalSteps: number,
  { logEvery = 10, pictureEvery = 200, mapEvery = 1000 } = {},
) {
  const bodies: EventBody[] = [launched(totalSteps), { type: 'status', status: 'running' }];
  for (let step = logEvery; step <= steps; step += logEvery) {
    bodies.push(metricRow(step, totalSteps));
    if (step % pictureEvery === 0) bodies.push({ type: 'pictures', step, file: name('pictures', step) });
    if (step % mapEvery === 0) {
      bodies.push({
        type: 'metrics',
        step,
        values: { 'eval/knn_top1': 0.75 - 0.5 * Math.exp((-4 * step) / totalSteps) },
      });
      bodies.push({ type: 'embedding', step, file: name('embedding', step), kl: 1.4 });
      const path = `checkpoints/step-${String(step).padStart(6, '0')}`;
      bodies.push({ type: 'checkpoint', step, path, bytes: 3_200_000, removed: [] });
    }
  }
  return bodies;
}

export function scored(step: number, kind: 'probe' | 'knn' | 'finetune', top1: number, baseline: number): EventBody {
  const spread = 0.011;
  return {
    type: 'evaluation',
    step,
    evaluation: {
      kind,
      protocol: {
        probe: 'linear, lr 0.1 chosen on a held-out fifth of train, 100 epochs',
        knn: 'kNN, k 20, temperature 0.07',
        finetune: 'all weights, layer decay 0.75, 10 epochs',
      }[kind],
      labels: kind === 'finetune' ? 0.1 : 1,
      trainImages: kind === 'finetune' ? 400 : 4000,
      testImages: 2000,
      classes: 10,
      comparison: {
        metric: 'accuracy',
        score: { value: top1, interval: [top1 - spread, top1 + spread] },
        baseline: {
          name: kind === 'finetune' ? 'from scratch' : 'random init',
          value: baseline,
          interval: [baseline - spread, baseline + spread],
        },
        gain: { value: top1 - baseline, interval: [top1 - baseline - 0.014, top1 - baseline + 0.013] },
      },
      seconds: 41,
    },
  };
}

/** A probe or kNN with the file of what it found. */
export function found(kind: 'probe' | 'knn', step: number, top1: number): EventBody {
  const file = name(kind === 'probe' ? 'probe' : 'neighbours', step);
  return { ...(scored(step, kind, top1, 0.2) as Extract<EventBody, { type: 'evaluation' }>), file };
}

/** 200 images of each class; every seventh of a class is taken for the next one. */
export function probeFile(step: number): ProbeFile {
  const counts = classes.flatMap((_, truth) =>
    classes.map((_, answer) => (answer === truth ? 170 : answer === (truth + 1) % classes.length ? 30 : 0)),
  );
  const even = counts.map(() => 20);
  return { step, png: 'media/probe.png', classes, counts, baseline: { name: 'random init', counts: even } };
}

/** Of the first image of each of four classes, of which one is taken for another. */
export function neighboursFile(step: number): NeighboursFile {
  const images = [0, 1, 2, 3].map((label) => ({
    id: `test/${label}.png`,
    label,
    guess: label === 3 ? 4 : label,
    neighbours: Array.from({ length: 8 }, (_, i) => ({
      id: `train/${label}-${i}.png`,
      label: i < 6 ? label : label + 1,
      similarity: 0.99 - 0.01 * i,
    })),
  }));
  return { step, png: `media/neighbours-${step}.png`, tileSize: size, columns: 9, classes, k: 20, images };
}

/** A clustering, with the file of its pictures. */
export function clustered(step: number, top1: number, baseline: number): EventBody {
  const probe = scored(step, 'probe', top1, baseline) as Extract<EventBody, { type: 'evaluation' }>;
  const evaluation = {
    ...probe.evaluation,
    kind: 'cluster',
    protocol: 'k-means on embeddings of length 1, k 10, the best of 10 k-means++ starts',
    labels: 0,
    trainImages: 0,
    measures: {
      nmi: { score: 0.6124, baseline: 0.2041 },
      ari: { score: 0.4871, baseline: 0.0912 },
      silhouette: { score: 0.1713, baseline: 0.0624 },
    },
  } as const;
  return { ...probe, evaluation, file: name('clusters', step) };
}

/** An evaluation on corrupted images, with the file of its heat map. */
export function corrupted(step: number): EventBody {
  const probe = scored(step, 'probe', 0.412, 0.243) as Extract<EventBody, { type: 'evaluation' }>;
  const evaluation = {
    ...probe.evaluation,
    kind: 'robustness',
    protocol: 'linear on batch-normed frozen embeddings of clean images; 15 corruptions x 5 severities',
    measures: {
      clean_accuracy: { score: 0.714, baseline: 0.382 },
      corruption_error: { score: 0.588, baseline: 0.757 },
      mce: { score: 0.7767, baseline: 1 },
    },
  } as const;
  return { ...probe, evaluation, file: name('robustness', step) };
}

/** A look at the health, with the file of its charts. */
export function looked(step: number): EventBody {
  return {
    type: 'evaluation',
    step,
    evaluation: {
      kind: 'health',
      protocol: 'embeddings of 2000 held-out images, and of 10 views of each of 500 as the task draws them',
      labels: 0,
      trainImages: 0,
      testImages: 2000,
      classes: 10,
      measures: {
        std: { score: 0.6123, baseline: 0.5871 },
        rankme: { score: 31.42, baseline: 14.07 },
        lidar: { score: 22.5, baseline: 9.13 },
      },
      seconds: 12,
    },
    file: name('health', step),
  };
}

/** The pretrained encoder uses more directions, the more the deeper. */
export function healthFile(step: number): HealthFile {
  const encoder = (name: 'pretrained' | 'random init', decay: number, gain: number) => ({
    name,
    singularValues: Array.from({ length: 64 }, (_, i) => 80 * Math.exp(-decay * i)),
    layers: Array.from({ length: 6 }, (_, i) => ({ rank: 9 + gain * i, width: 64 })),
  });
  return { step, images: 2000, encoders: [encoder('pretrained', 0.06, 4), encoder('random init', 0.2, -0.6)] };
}

const size = 32;

type Pixel = readonly [r: number, g: number, b: number];

/** A shape of one class on a graded ground. */
function picture(index: number): (x: number, y: number) => Pixel {
  const draw = uniform(index + 1);
  const colour = () => [40 + 200 * draw(), 40 + 200 * draw(), 40 + 200 * draw()] as const;
  const [ground, ink] = [colour(), colour()];
  const [cx, cy, radius] = [10 + 12 * draw(), 10 + 12 * draw(), 6 + 5 * draw()];
  const inside = [
    (x: number, y: number) => Math.hypot(x, y) < 1,
    (x: number, y: number) => Math.max(Math.abs(x), Math.abs(y)) < 0.85,
    (x: number, y: number) => y > -0.8 && y < 0.8 && Math.abs(x) < (y + 0.8) / 1.6,
    (x: number, y: number) => Math.abs(x) < 0.3 || Math.abs(y) < 0.3,
    (x: number, y: number) => Math.abs(Math.hypot(x, y) - 0.75) < 0.25,
  ][index % 5]!;
  return (x, y) => {
    const [u, v] = [(x - cx) / radius, (y - cy) / radius];
    const shade = 0.7 + (0.5 * (x + y)) / (2 * size);
    return (Math.hypot(u, v) < 1.5 && inside(u, v) ? ink : ground).map((c) => Math.min(255, c * shade)) as never;
  };
}

async function sheet(
  columns: number,
  rows: number,
  tile: number,
  pixel: (tileIndex: number, x: number, y: number) => Pixel,
) {
  const [width, height] = [columns * tile, rows * tile];
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const index = Math.floor(y / tile) * columns + Math.floor(x / tile);
      data.set(pixel(index, x % tile, y % tile).map(Math.round), 3 * (y * width + x));
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

const images = 6;

/** The file of a pictures event; what is learnt sharpens with the step. */
export function picturesFile(step: number): PicturesFile {
  return {
    step,
    png: name('pictures', step).replace('.json', '.png'),
    imageSize: size,
    title: 'Reconstructions',
    columns: ['original', 'masked', 'reconstruction', 'visible pasted back'],
    images: Array.from({ length: images }, (_, i) => ({
      id: `test/${classes[i % 5]}/${String(i).padStart(4, '0')}.png`,
      label: classes[i % 5]!,
      loss: 0.3 + 0.5 * Math.exp(-step / 800) + 0.03 * i,
    })),
    note: 'The loss counts only the hidden patches; the others are pasted from the original.',
  };
}

export async function picturesSheet(step: number): Promise<Buffer> {
  const blur = 0.9 * Math.exp(-step / 900);
  return sheet(4, images, size, (index, x, y) => {
    const image = picture(Math.floor(index / 4));
    const column = index % 4;
    const patch = Math.floor(y / 4) * 8 + Math.floor(x / 4);
    const hidden = uniform(1000 + 97 * patch + 7 * Math.floor(index / 4))() < 0.75;
    const original = image(x, y);
    const guess = original.map((c, i) => c * (1 - blur) + blur * [120, 118, 112][i]!) as never;
    if (column === 0) return original;
    if (column === 1) return hidden ? [128, 128, 128] : original;
    return column === 3 && !hidden ? original : guess;
  });
}

const points = 1000;
const columns = Math.ceil(Math.sqrt(points));

export function embeddingFile(step: number): EmbeddingFile {
  const draw = uniform(9);
  const apart = 1 - Math.exp(-step / 1500);
  const labels = Array.from({ length: points }, () => Math.floor(draw() * 10));
  const noise = random(7, 'map');
  return {
    step,
    points: labels.flatMap((label) => {
      const angle = (2 * Math.PI * label) / 10;
      const radius = label % 2 ? 42 : 24;
      return [Math.cos(angle), Math.sin(angle)].map(
        (c) => c * radius * apart + noise.normal() * (6 + 14 * (1 - apart)),
      );
    }),
    ids: labels.map((label, i) => `test/${classes[label]}/${String(i).padStart(4, '0')}.png`),
    labels,
    classes,
    clusters: labels.map((label) => (draw() < 0.8 ? label : Math.floor(draw() * 10))),
    sheet: 'media/thumbnails-1000.webp',
    thumbnailSize: size,
    columns,
    perplexity: 30,
    seed: 0,
    ...(step > 500 && { startedFrom: 500 }),
    iterations: 1000,
    kl: 1.42,
    trustworthiness: 0.934,
    seconds: 6.1,
  };
}

export function thumbnailSheet(): Promise<Buffer> {
  const { labels = [] } = embeddingFile(0);
  return sheet(columns, columns, size, (index, x, y) => picture((labels[index] ?? 0) + 10 * index)(x, y));
}

const shownOfCluster = 12;

/** Ten clusters, each mostly of one class; the last one was left without. */
export function clusterFile(step: number): ClusterFile {
  const draw = uniform(11);
  return {
    step,
    png: name('clusters', step).replace('.json', '.png'),
    tileSize: size,
    columns: shownOfCluster,
    classes,
    clusters: classes.map((_, cluster) => ({
      ...(cluster < 9 && { match: cluster }),
      counts: classes.map((_, label) => (label === cluster ? 140 - 8 * cluster : Math.floor(9 * draw()))),
      images: Array.from({ length: shownOfCluster }, (_, i) => {
        const label = i % 5 === 4 ? (cluster + i) % 10 : cluster;
        return { id: `test/${classes[label]}/${String(i).padStart(4, '0')}.png`, label, distance: 0.3 + 0.01 * i };
      }),
    })),
  };
}

export function clusterSheet(step: number): Promise<Buffer> {
  const images = clusterFile(step).clusters.flatMap((cluster) => cluster.images);
  return sheet(shownOfCluster, 10, size, (index, x, y) => picture((images[index]?.label ?? 0) + 10 * index)(x, y));
}

const corruptionGroups = {
  noise: ['gaussian_noise', 'shot_noise', 'impulse_noise'],
  blur: ['defocus_blur', 'glass_blur', 'motion_blur', 'zoom_blur'],
  weather: ['snow', 'frost', 'fog', 'brightness'],
  digital: ['contrast', 'elastic_transform', 'pixelate', 'jpeg_compression'],
} as const;

/** Accuracy falls with the severity, and more so from corruption to corruption; noise throws the encoder below its baseline. */
export function robustnessFile(step: number): RobustnessFile {
  const severities = [1, 2, 3, 4, 5];
  const corruptions = Object.entries(corruptionGroups).flatMap(([group, names]) =>
    names.map((name) => ({ name, group: group as keyof typeof corruptionGroups })),
  );
  return {
    step,
    png: name('robustness', step).replace('.json', '.png'),
    tileSize: size,
    testImages: 1000,
    severities,
    clean: { score: 0.714, baseline: 0.382 },
    corruptions: corruptions.map(({ name, group }, row) => ({
      name,
      group,
      scores: severities.map((severity) => 0.7 - 0.02 * severity - (group === 'noise' ? 0.08 * severity : 0.004 * row)),
      baselines: severities.map((severity) => 0.38 - 0.01 * severity),
    })),
  };
}

/** One row per corruption: an image as it is, and darker with each severity. */
export function robustnessSheet(): Promise<Buffer> {
  return sheet(6, 15, size, (index, x, y) => {
    const [r, g, b] = picture(3)(x, y);
    const dim = 1 - 0.15 * (index % 6);
    return [r * dim, g * dim, b * dim];
  });
}
