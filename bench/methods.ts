/**
 * Every pretext task on the same images, with the same backbone and the same time: what it is worth beside a random-init
 * encoder. `--images DIR` holds `train` and `test`; `--out DIR` keeps the runs, and what is done there is not done again.
 *
 * The time is that of a machine with nothing else to do: the speed of each method is the best of many short stretches,
 * measured in turns, and gives the number of updates that fit into the budget. Noise later on changes no result.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listRuns, readRun, runsFolder } from '../client/index';
import type { Evaluation, EvaluationKind } from '../protocol/events';
import { formatBytes, formatComparison, formatDifference, formatInterval, formatPercent } from '../protocol/format';
import { markdownTable } from '../protocol/markdown';
import type { Run } from '../protocol/run';
import { ExperimentConfig, evaluationSettings } from '../protocol/config';
import { evaluateRun, launch, watchTraining } from '../trainer/cli/jobs';
import { createOutput } from '../trainer/cli/output';

const backbone = { type: 'vit', patchSize: 4, width: 96, depth: 3, heads: 3 };
const decoder = { width: 64, depth: 1, heads: 4 };
/** All learn at a peak rate of 0.001: batches of 64 at 0.004 x 64 / 256. */
const BATCH = 64;
const optimizer = { baseLr: 4e-3 };

/** What differs from a method's defaults: sizes and lengths that suit minutes instead of days. */
const recipes: Record<string, Record<string, unknown>> = {
  mae: { decoder },
  inpainting: { decoder },
  // Each image in four poses.
  rotation: { batchSize: BATCH / 2, optimizer: { baseLr: 8e-3 } },
  // What 32 px have room for.
  jigsaw: { grid: 2, permutations: 24 },
  colorization: {},
  simclr: {},
  moco: {},
  // A teacher that stays sharp: there is no time for it to warm up.
  dino: { localViews: 2, teacherTemperature: [0.04, 0.04], finalWeightDecay: 0.1 },
};

const judged: EvaluationKind[] = ['probe', 'cluster', 'health', 'efficiency', 'finetune'];
/** Nothing is computed beside the training. */
const silent = { picturesEvery: 1e6, embedEvery: 1e6, healthEvery: 1e6, checkpointEvery: 1e6 };
const CALIBRATION = { steps: 30, rounds: 2 };

interface Options {
  readonly images?: string;
  readonly out?: string;
  /** Seconds of pretraining. */
  readonly budget?: string;
  readonly seeds?: string;
  /** Names, as in `simclr,moco`; all by default. */
  readonly only?: string;
}

export async function methods({ images, out = 'methods', budget = '300', seeds = '2', only }: Options) {
  if (images === undefined) throw new Error('Say where the images are: --images DIR, a folder with train and test.');
  await mkdir(out, { recursive: true });
  const names = only?.split(',') ?? Object.keys(recipes);
  const config = (method: string, seed: number, length: object) => ({
    seed,
    data: { source: images, imageSize: 32, train: 20_000, test: 5000 },
    pretrain: {
      method,
      backbone,
      batchSize: BATCH,
      optimizer,
      ...recipes[method],
      ...length,
    },
    probe: { labels: [1], epochs: 40 },
    finetune: { labels: [0.1], steps: 200, batchSize: 64, optimizer: { baseLr: 2e-3 } },
  });
  const run = async (name: string, content: object) => {
    const file = join(out, `${name}.tessera.jsonc`);
    await writeFile(file, JSON.stringify(content, null, 2));
    const known = (await listRuns(runsFolder(file))).runs.find(
      ({ manifest }) => manifest.configFile === `${name}.tessera.jsonc`,
    );
    const directory = known?.directory ?? (await launch(['pretrain', file]));
    const done = await readRun(directory);
    if (known && done.status !== 'finished') await launch(['resume', directory]);
    if (done.status !== 'finished' && (await watchTraining(directory, false)) !== 0)
      throw new Error(`${directory} did not finish.`);
    return directory;
  };

  const speedsFile = join(out, 'speeds.json');
  const speeds: Record<string, number> = existsSync(speedsFile)
    ? (JSON.parse(await readFile(speedsFile, 'utf8')) as Record<string, number>)
    : {};
  const unmeasured = names.filter((method) => speeds[method] === undefined);
  for (let round = 0; round < CALIBRATION.rounds; round++) {
    for (const method of unmeasured) {
      const length = { steps: CALIBRATION.steps, logEvery: 5, ...silent };
      const { metrics } = await readRun(await run(`speed-${method}-${round}`, config(method, round, length)));
      speeds[method] = Math.max(speeds[method] ?? 0, ...metrics['perf/images_per_second']!.values);
    }
  }
  await writeFile(speedsFile, JSON.stringify(speeds, null, 2));

  const done: Done[] = [];
  const supervised: string[] = [];
  for (let seed = 0; seed < Number(seeds); seed++) {
    for (const method of names) {
      const { batchSize = BATCH } = recipes[method] as { batchSize?: number };
      const steps = Math.floor((Number(budget) * speeds[method]!) / batchSize);
      const length = { steps, logEvery: 50, ...silent, checkpointEvery: 500, keepCheckpoints: 1 };
      const directory = await run(`${method}-${seed}`, config(method, seed, length));
      await evaluateRun(directory, { kinds: judged, suite: true }, createOutput(false));
      done.push({ method, directory, run: await readRun(directory) });
      console.log(results(done, speeds));
    }
    if (names.includes('mae') && names.includes('rotation')) {
      const { directory } = done.findLast(({ method }) => method === 'mae')!;
      supervised.push(await supervise(directory, Number(budget), speeds.rotation!));
    }
  }
  const table = `${results(done, speeds)}\n\n${supervised.join('\n')}`;
  console.log(table);
  return table;
}

interface Done {
  readonly method: string;
  readonly directory: string;
  readonly run: Run;
}

/**
 * The same backbone trained with all labels for the same time, from scratch and from a checkpoint. An update does what one of
 * rotation does, which classifies each image in four poses, so that its speed is known.
 */
async function supervise(directory: string, budget: number, rotationSpeed: number): Promise<string> {
  const run = await readRun(directory);
  const config = ExperimentConfig.parse(run.manifest.config);
  const steps = Math.floor((budget * rotationSpeed * 4) / BATCH);
  const finetune = { labels: [1], steps, batchSize: BATCH, layerDecay: 1, optimizer };
  const settings = evaluationSettings({ ...config, finetune: ExperimentConfig.shape.finetune.parse(finetune) });
  await evaluateRun(directory, { kinds: ['finetune'], suite: true, settings }, createOutput(false));
  const { evaluations } = await readRun(directory);
  const row = evaluations.find(({ evaluation }) => evaluation.kind === 'finetune' && evaluation.labels === 1);
  return `Supervised, all labels, ${steps} updates: ${formatComparison(row!.evaluation)}`;
}

/** One line a method, the seeds beside each other; then the baselines, which are the same for all methods. */
function results(done: readonly Done[], speeds: Readonly<Record<string, number>>): string {
  const header = [
    'method',
    'updates',
    'img/s',
    'kNN',
    'linear',
    'its gain',
    'fine-tune, 10% labels',
    'NMI',
    'RankMe',
    'memory',
  ];
  const names = [...new Set(done.map(({ method }) => method))];
  const runsOf = (name: string) => done.filter(({ method }) => method === name).map(({ run }) => run);
  const lines = names.map((name) => {
    const runs = runsOf(name);
    const memory = Math.max(...runs.map((run) => measureOf(run, 'efficiency', 'peak_memory')?.score ?? NaN));
    const facts = [name, String(runs[0]!.totalSteps), speeds[name]!.toFixed(0)];
    return [...facts, ...scores(runs, 'score'), formatBytes(memory)];
  });
  const baseline = ['random init; from scratch', '', '', ...scores(runsOf(names[0]!), 'baseline'), ''];
  return markdownTable(header, [...lines, baseline]);
}

function scores(runs: readonly Run[], of: 'score' | 'baseline'): string[] {
  const each = (cell: (run: Run) => string) => runs.map(cell).join(' / ');
  const accuracy = (kind: EvaluationKind) =>
    each((run) => {
      const score = evaluationOf(run, kind)?.comparison?.[of];
      return score ? `${formatPercent(score.value)} (${formatInterval('accuracy', score.interval)})` : '';
    });
  const figure = (kind: EvaluationKind, name: string, digits: number) =>
    each((run) => measureOf(run, kind, name)?.[of]?.toFixed(digits) ?? '');
  return [
    ...[accuracy('knn'), accuracy('probe'), of === 'score' ? each(gainOf) : '', accuracy('finetune')],
    ...[figure('cluster', 'nmi', 3), figure('health', 'rankme', 1)],
  ];
}

/** Of the linear probe over the random-init encoder's, paired. */
function gainOf(run: Run): string {
  const { gain } = evaluationOf(run, 'probe')?.comparison ?? {};
  if (!gain) return '';
  const [value, low, high] = [gain.value, ...gain.interval].map((points) => formatDifference('accuracy', points));
  return `${value} (${low} to ${high})`;
}

/** With the fewest labels, where there are several: the table fine-tunes with a few. */
const evaluationOf = (run: Run, kind: EvaluationKind) =>
  run.evaluations
    .map(({ evaluation }) => evaluation)
    .filter((evaluation) => evaluation.kind === kind)
    .reduce<Evaluation | undefined>((least, one) => (least && least.labels <= one.labels ? least : one), undefined);

const measureOf = (run: Run, kind: EvaluationKind, name: string) => evaluationOf(run, kind)?.measures?.[name];
