/** How numbers of a run read, the same in the tree, beside the config, on the dashboard and in a terminal. */
import type { Comparison, Evaluation, EvaluationKind, Measure, Score, Traffic } from './events';
import { latest } from './run';
import type { Run } from './run';

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** "1,240" */
export function formatStep(step: number): string {
  return grouped.format(step);
}

/** Losses and other unitless figures: three significant digits, an exponent below 0.001 and from 100,000. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-3 || size >= 1e5) return value.toExponential(2).replace('e+', 'e').replace('-', '−');
  if (size >= 1000) return grouped.format(value).replace('-', '−');
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size)))).replace('-', '−');
}

/** Seconds as "45 s", "8 min", "2 h 5 min", "3 d 4 h". */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** A share in [0, 1] as "71.4%". */
export function formatPercent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)}%`;
}

type Metric = Comparison['metric'];

/** "71.4%" of an accuracy, "0.412" of a loss. */
export function formatFigure(metric: Metric, value: number): string {
  return metric === 'accuracy' ? formatPercent(value) : formatNumber(value);
}

/** "70.1–72.6", in percent where the metric is. */
export function formatInterval(metric: Metric, [low, high]: Score['interval']): string {
  const end = (value: number) => (metric === 'accuracy' ? (value * 100).toFixed(1) : formatNumber(value));
  return `${end(low)}–${end(high)}`;
}

/** "71.4% (95% CI 70.1–72.6)" */
export function formatScore(metric: Metric, { value, interval }: Score): string {
  return `${formatFigure(metric, value)} (95% CI ${formatInterval(metric, interval)})`;
}

/** "+3.1", in points where the metric is an accuracy. */
export function formatDifference(metric: Metric, value: number): string {
  const size = metric === 'accuracy' ? Math.abs(value * 100).toFixed(1) : formatNumber(Math.abs(value));
  return `${value < 0 ? '−' : '+'}${size}`;
}

/** "+3.1 points (95% CI +2.2 to +4.0)" */
export function formatGain({ metric, gain }: Pick<Comparison, 'metric' | 'gain'>): string {
  const [value, low, high] = [gain.value, ...gain.interval].map((figure) => formatDifference(metric, figure));
  return `${value}${metric === 'accuracy' ? ' points' : ''} (95% CI ${low} to ${high})`;
}

/** "71.4% (95% CI 70.1–72.6); random init 40.0% (…); +31.4 points (…)"; empty where nothing is compared. */
export function formatComparison({ comparison }: Pick<Evaluation, 'comparison'>): string {
  if (!comparison) return '';
  const { metric, score, baseline } = comparison;
  return `${formatScore(metric, score)}; ${baseline.name} ${formatScore(metric, baseline)}; ${formatGain(comparison)}`;
}

/** "412 KB", "3.2 MB" (powers of 1,000, as file managers count). */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** "51 KB in, 8 B out a step" */
export const formatTraffic = ({ uploaded, downloaded }: Traffic): string =>
  `${formatBytes(uploaded)} in, ${formatBytes(downloaded)} out a step`;

/** "812", "5.2 M", "1.24 G" */
export function formatCount(value: number): string {
  const units = ['', ' k', ' M', ' G', ' T', ' P'];
  const unit = Math.max(
    0,
    units.findLastIndex((_, i) => value >= 999.5 * 1000 ** (i - 1)),
  );
  const scaled = value / 1000 ** unit;
  return `${unit === 0 ? Math.round(scaled) : formatNumber(scaled)}${units[unit]}`;
}

const evaluationNames: Record<EvaluationKind, string> = {
  pretext: 'pretext task',
  efficiency: 'efficiency',
  knn: 'kNN',
  probe: 'linear probe',
  cluster: 'clustering',
  tsne: 't-SNE',
  health: 'health',
  robustness: 'robustness',
  transfer: 'transfer',
  finetune: 'fine-tune',
};

/** "CPU, 2 threads" of "onnxruntime 1.30.0, CPU, 2 threads": what of an engine's name is of interest while it runs. */
export function formatEngine(engine: string): string {
  const [name = '', ...device] = engine.split(', ');
  return device.join(', ') || name;
}

/** "linear probe", "fine-tune, 10% labels", "transfer, linear probe on stl10" */
export function formatEvaluation({ kind, labels, variant }: Pick<Evaluation, 'kind' | 'labels' | 'variant'>): string {
  const share = labels > 0 && labels < 1 ? `${Number((labels * 100).toPrecision(3))}% labels` : undefined;
  return [evaluationNames[kind], variant, share].filter((part) => part !== undefined).join(', ');
}

const measureNames: ReadonlyMap<string, string> = new Map([
  ['nmi', 'NMI'],
  ['ari', 'ARI'],
  ['silhouette', 'silhouette'],
  ['trustworthiness', 'trustworthiness'],
  ['kl', 'KL divergence'],
  ['std', 'spread'],
  ['rankme', 'RankMe'],
  ['effectiveRank', 'effective rank'],
  ['uniformity', 'uniformity'],
  ['alignment', 'alignment'],
  ['lidar', 'LiDAR'],
  ['clean_accuracy', 'clean accuracy'],
  ['corruption_error', 'mean corruption error'],
  ['mce', 'mCE'],
  ['encoder_parameters', 'encoder parameters'],
  ['parameters', 'parameters with heads'],
  ['forward_flops', 'FLOPs to embed an image'],
  ['step_flops', 'FLOPs of a training step per image'],
  ['step_images_per_second', 'img/s in training steps'],
  ['embed_images_per_second', 'img/s embedding'],
  ['peak_memory', 'peak memory of the training'],
  ['epoch_seconds', 'seconds of steps in an epoch'],
  ['target_seconds', 'training until the target'],
]);

/** "NMI"; unknown names stay as they are. */
export function measureName(name: string): string {
  return measureNames.get(name) ?? name;
}

/** "shot noise", "JPEG compression" */
export function corruptionName(name: string): string {
  return name.replaceAll('_', ' ').replace('jpeg', 'JPEG');
}

/** Of measures that count something. */
const measureFormats: ReadonlyMap<string, (value: number) => string> = new Map([
  ['encoder_parameters', formatCount],
  ['parameters', formatCount],
  ['forward_flops', formatCount],
  ['step_flops', formatCount],
  ['step_images_per_second', formatNumber],
  ['embed_images_per_second', formatNumber],
  ['peak_memory', formatBytes],
  ['epoch_seconds', formatNumber],
  ['target_seconds', formatDuration],
]);

/** "0.412" and "−0.041", to three decimals, unless what is named is counted in something: "1.24 G", "45 s". */
export function formatMeasure(value: number, name = ''): string {
  return measureFormats.get(name)?.(value) ?? value.toFixed(3).replace('-', '−');
}

/** "NMI 0.412 (random init 0.105), ARI 0.301 (0.041)"; empty when there are none. */
export function formatMeasures({ measures = {} }: Pick<Evaluation, 'measures'>): string {
  return Object.entries(measures)
    .map(([name, measure], i) => `${measureName(name)} ${besideBaseline(name, measure, i === 0 ? 'random init ' : '')}`)
    .join(', ');
}

const besideBaseline = (name: string, { score, baseline }: Measure, whose: string) =>
  formatMeasure(score, name) + (baseline === undefined ? '' : ` (${whose}${formatMeasure(baseline, name)})`);

/** What a metric is called, and its unit; unknown keys keep their own name. */
export interface MetricName {
  readonly title: string;
  readonly unit: string;
  /** What it says and how it is measured, where the title does not say it. */
  readonly about?: string;
}

const metricNames: Readonly<Record<string, MetricName>> = {
  'train/loss': { title: 'Loss', unit: '' },
  'train/lr': { title: 'Learning rate', unit: '' },
  'train/grad_norm': { title: 'Gradient norm', unit: '' },
  'train/loss_scale': { title: 'Loss scale', unit: '' },
  'train/skipped_steps': { title: 'Steps skipped for an overflow', unit: '' },
  'train/accuracy': { title: 'Accuracy at the task', unit: '%' },
  'train/hole_loss': { title: 'Loss in the hole', unit: '' },
  'train/colourful': { title: 'Images with colours', unit: '%' },
  'train/chroma': {
    title: 'Colourfulness of the guesses',
    unit: '%',
    about:
      'Mean distance of the guessed colours from grey, relative to that of the true ones; of a few images of the batch.',
  },
  'train/prototype_entropy': { title: 'Entropy of the prototypes in use', unit: 'nats' },
  'train/assignment_entropy': { title: 'Entropy of an assignment', unit: 'nats' },
  'train/teacher_student_kl': { title: 'Divergence from the teacher', unit: 'nats' },
  'perf/images_per_second': { title: 'Throughput', unit: 'img/s' },
  'perf/memory_mb': { title: 'Memory', unit: 'MB' },
  'perf/data_wait': { title: 'Data wait', unit: '%' },
  'eval/knn_top1': {
    title: 'kNN top-1',
    unit: '%',
    about:
      'Held-out images classified by the vote of their nearest labelled training images. Labels are only looked at for this score.',
  },
  'eval/probe_top1': {
    title: 'Linear probe top-1',
    unit: '%',
    about:
      'Held-out images classified by a ridge regression from the embeddings of labelled training images to their classes: a quick look, not the linear probe of an evaluation. Labels are only looked at for this score.',
  },
  'health/std': {
    title: 'Spread of embeddings',
    unit: '',
    about:
      'Mean standard deviation of embeddings scaled to length 1, times the root of their width: 1 if directions are spread evenly, 0 if all images have the same embedding.',
  },
  'health/rankme': {
    title: 'RankMe',
    unit: '',
    about:
      'Along how many directions embeddings spread: the exponential of the entropy of their singular values (Garrido et al. 2023). On a few images only, so compare it within a run.',
  },
  'health/effective_rank': {
    title: 'Effective rank',
    unit: '',
    about:
      'Along how many directions embeddings differ from their mean: the exponential of the entropy of the eigenvalues of their covariance (Roy and Vetterli 2007). On a few images only, so compare it within a run.',
  },
  'health/lidar': {
    title: 'LiDAR',
    unit: '',
    about:
      'Along how many directions images differ more than views of one image do (Thilak et al. 2023). On two views each of a few images only, so compare it within a run.',
  },
  'health/uniformity': {
    title: 'Uniformity',
    unit: '',
    about:
      'How evenly embeddings cover the sphere (Wang and Isola 2020): 0 if all are the same, lower is more even, about -4 at best.',
  },
  'health/alignment': {
    title: 'Alignment',
    unit: '',
    about:
      'Mean squared distance of the embeddings of two views of an image at length 1 (Wang and Isola 2020): the lower, the more alike. Low with a low spread means nothing.',
  },
};

export function metricName(key: string): MetricName {
  return metricNames[key] ?? { title: key, unit: '' };
}

/** A metric's value with its unit: "0.0421", "842 img/s", "61.3%". */
export function formatMetric(key: string, value: number): string {
  const { unit } = metricName(key);
  if (unit === '%') return formatPercent(value);
  return unit ? `${formatNumber(value)} ${unit}` : formatNumber(value);
}

/** Rows before a pace can be told from them: the first holds the warming up of the engine. */
const ROWS_FOR_PACE = 3;

/**
 * Seconds until the last step at the pace of the newest rows, or undefined when it cannot be told:
 * too little logged, nothing left, or a journal without throughput.
 */
export function secondsLeft(run: Run): number | undefined {
  const left = run.totalSteps - run.step;
  const recent = run.metrics['perf/images_per_second']?.values.slice(-20).sort((a, b) => a - b) ?? [];
  const imagesPerSecond = recent.length < ROWS_FOR_PACE ? undefined : recent[recent.length >> 1];
  const batchSize = (run.manifest.config as { pretrain?: { batchSize?: number } } | null)?.pretrain?.batchSize;
  if (left <= 0 || !imagesPerSecond || !batchSize) return undefined;
  return (left * batchSize) / imagesPerSecond;
}

/**
 * "1,240/4,000 · loss 0.0421 · 8 min left" for a run under way, or what it does before its first step;
 * without the forecast otherwise, and "4,000 steps · loss 0.0398" when all are done.
 */
export function formatProgress(run: Run, live: boolean): string {
  if (live && run.totalSteps === 0) return run.reason ?? 'starting';
  const loss = latest(run, 'train/loss');
  const left = live ? secondsLeft(run) : undefined;
  const step = formatStep(run.step);
  return [
    run.step < run.totalSteps ? `${step}/${formatStep(run.totalSteps)}` : `${step} steps`,
    ...(loss === undefined ? [] : [`loss ${formatNumber(loss)}`]),
    ...(left === undefined ? [] : [`${formatDuration(left)} left`]),
  ].join(' · ');
}
