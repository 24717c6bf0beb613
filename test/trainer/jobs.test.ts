import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { readRun } from '../../client/index';
import type {
  ClusterFile,
  EmbeddingFile,
  HealthFile,
  PicturesFile,
  RobustnessFile,
  RunEvent,
} from '../../protocol/events';
import type { Plan } from '../../protocol/plan';
import type { ReportFile } from '../../protocol/report';
import { keepSafetensors, readSafetensors } from '../../trainer/jobs/safetensors';
import { enginesUnderTest } from '../engines';
import { image, project, tessera, tesseraGiven, tiny, tinyWith, type Told } from './support';

describe.each(enginesUnderTest)('the jobs, from the command line, on the %s engine', (engine) => {
  let file: string;
  let folder: string;
  let directory: string;
  let events: RunEvent[];
  const json = ({ stdout }: Told) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RunEvent);

  beforeAll(async () => {
    file = await project(tinyWith({ keepCheckpoints: 2, embedEvery: 30 }, { engine }));
    folder = dirname(file);
    events = json(await tessera(folder, 'pretrain', file, '--json'));
    const runs = await readdir(join(folder, '.tessera', 'runs'));
    directory = join(folder, '.tessera', 'runs', runs[0]!);
  });

  it('pretrains to the end, telling the first step at once', () => {
    expect(events.find(({ type }) => type === 'metrics')).toMatchObject({ step: 1 });
    expect(events.at(-1)).toMatchObject({ type: 'status', status: 'finished' });
    const steps = events.flatMap((event) =>
      event.type === 'metrics' && 'train/loss' in event.values ? [event.step] : [],
    );
    expect(steps).toEqual([1, 5, 10, 15, 20, 25, 30, 35, 40]);
  });

  it('keeps the newest checkpoints, whole', async () => {
    expect((await readdir(join(directory, 'checkpoints'))).sort()).toEqual(['step-000030', 'step-000040']);
    const { tensors } = await readSafetensors(join(directory, 'checkpoints', 'step-000040', 'model.safetensors'));
    expect(tensors['encoder.patch.kernel']!.shape).toEqual([192, 32]);
  });

  it('draws pictures of the task and a map of held-out images, of which the events tell', async () => {
    const { pictures, embeddings, metrics } = await readRun(directory);
    expect(pictures.map(({ step }) => step)).toEqual([1, 20, 40]);
    const shown = JSON.parse(await readFile(join(directory, pictures[0]!.file), 'utf8')) as PicturesFile;
    expect(shown.images).toHaveLength(8);
    expect(existsSync(join(directory, shown.png))).toBe(true);

    expect(embeddings.map(({ step }) => step)).toEqual([30, 40]);
    const map = JSON.parse(await readFile(join(directory, embeddings[0]!.file), 'utf8')) as EmbeddingFile;
    expect(map.ids).toHaveLength(40);
    expect(map.points).toHaveLength(80);
    expect(existsSync(join(directory, map.sheet))).toBe(true);
    expect(metrics['eval/knn_top1']!.steps).toEqual([30, 40]);
    expect(metrics['eval/probe_top1']!.steps).toEqual([30, 40]);
  });

  it('probes, fine-tunes and scores neighbours, each beside its baseline', async () => {
    for (const [args, kinds, baseline] of [
      [['probe'], ['probe', 'knn'], 'random init'],
      [['evaluate', '--kind', 'knn', '--step', '30'], ['knn'], 'random init'],
      [['finetune'], ['finetune'], 'from scratch'],
    ] as const) {
      const told = json(await tessera(folder, ...args, '--json'));
      const scored = told.filter((event) => event.type === 'evaluation');
      expect(scored.map(({ evaluation }) => evaluation.kind)).toEqual(kinds);
      for (const { evaluation } of scored) expect(evaluation.comparison!.baseline.name).toBe(baseline);
    }
    const run = await readRun(directory);
    expect(run.status).toBe('finished');
    expect(run.evaluations.map(({ step }) => step)).toEqual([40, 40, 30, 40]);
    expect(existsSync(join(directory, 'evaluations', 'step-000040-finetune-1.safetensors'))).toBe(true);
  });

  it('maps test images of each checkpoint, started from the map before, with scores and a picture', async () => {
    const told = json(await tessera(folder, 'evaluate', '--kind', 'tsne', '--step', '30,40', '--json'));
    const rows = told.flatMap((event) => (event.type === 'evaluation' ? [event] : []));
    expect(rows.map(({ step }) => step)).toEqual([30, 40]);
    for (const { step, file, evaluation } of rows) {
      expect(evaluation.comparison!.baseline.name).toBe('random init');
      expect(evaluation.measures!.trustworthiness!.score).toBeGreaterThan(0.5);
      expect(evaluation.measures!.kl!.score).toBeGreaterThan(0);
      const map = JSON.parse(await readFile(join(directory, file!), 'utf8')) as EmbeddingFile;
      expect(map).toMatchObject({ step, startedFrom: step });
      expect(existsSync(join(directory, map.png!))).toBe(true);
    }
    const { embeddings } = await readRun(directory);
    expect(embeddings.map(({ step, file }) => [step, file])).toEqual(rows.map(({ step, file }) => [step, file]));
  });

  it('clusters the test images, with pictures of each cluster', async () => {
    const told = await tessera(folder, 'evaluate', '--kind', 'cluster', '--json');
    const [scored] = json(told).filter((event) => event.type === 'evaluation');
    expect(scored!.evaluation).toMatchObject({
      kind: 'cluster',
      labels: 0,
      trainImages: 0,
      testImages: 40,
      comparison: { baseline: { name: 'random init' } },
      protocol: expect.stringContaining('k 10, the best of 3') as string,
    });
    expect(Object.keys(scored!.evaluation.measures!)).toEqual(['nmi', 'ari', 'silhouette']);
    const sheet = JSON.parse(await readFile(join(directory, scored!.file!), 'utf8')) as ClusterFile;
    expect(sheet.clusters).toHaveLength(10);
    expect(sheet.clusters.flatMap(({ counts }) => counts).reduce((a, b) => a + b)).toBe(40);
    const { width, height } = await sharp(join(directory, sheet.png)).metadata();
    expect([width, height]).toEqual([sheet.columns * sheet.tileSize, 10 * sheet.tileSize]);
    expect((await tessera(folder, 'show')).stdout).toMatch(
      /clustering @ step 40: .*random init .*; NMI 0\.\d{3} \(random init 0\.\d{3}\), ARI/,
    );
  });

  it('looks at the health of any checkpoint, by layer and beside a random-init encoder', async () => {
    const told = json(await tessera(folder, 'evaluate', '--kind', 'health', '--step', '30,40', '--json'));
    const scored = told.filter((event) => event.type === 'evaluation');
    expect(scored.map(({ step }) => step)).toEqual([30, 40]);
    for (const { evaluation, file } of scored) {
      expect(evaluation).toMatchObject({ kind: 'health', labels: 0, trainImages: 0, testImages: 40 });
      expect(evaluation.comparison).toBeUndefined();
      const { std, rankme, lidar } = evaluation.measures!;
      for (const { score, baseline } of [std!, rankme!, lidar!]) {
        expect(score).toBeGreaterThan(0);
        expect(baseline).toBeGreaterThan(0);
      }
      const { encoders } = JSON.parse(await readFile(join(directory, file!), 'utf8')) as HealthFile;
      expect(encoders.map(({ name }) => name)).toEqual(['pretrained', 'random init']);
      for (const { singularValues, layers } of encoders) {
        expect(singularValues).toHaveLength(32);
        expect(layers).toEqual([{ rank: expect.any(Number) as number, width: 32 }]);
      }
      expect(encoders[0]!.singularValues).not.toEqual(encoders[1]!.singularValues);
    }
    expect((await tessera(folder, 'show')).stdout).toMatch(/health @ step 40.*RankMe \d+\.\d{3} \(/);
  });

  it('says what clusters cannot be made of, and judges on', async () => {
    const many = join(folder, 'many.jsonc');
    await writeFile(many, JSON.stringify(tinyWith({}, { cluster: { k: 41 }, data: { ...tiny.data, test: 50 } })));
    const { stdout } = await tessera(folder, 'evaluate', '--kind', 'cluster', '--config', many);
    expect(stdout).toContain('40 test images cannot form 41 clusters: set `cluster.k` to at most 40');
    expect((await readRun(directory)).status).toBe('finished');
  });

  it('judges under corruptions with a picture of each, and does nothing again that it has done', async () => {
    const judge = async (...args: string[]) => {
      const told = json(await tessera(folder, 'evaluate', '--kind', 'robustness', '--json', ...args));
      return told.find((event) => event.type === 'evaluation')!;
    };
    const scored = await judge();
    const { kind, testImages, comparison, measures } = scored.evaluation;
    expect({ kind, testImages }).toEqual({ kind: 'robustness', testImages: 40 });
    expect(Object.keys(measures!)).toEqual(['clean_accuracy', 'corruption_error', 'mce']);
    const found = JSON.parse(await readFile(join(directory, scored.file!), 'utf8')) as RobustnessFile;
    expect(found.corruptions.map(({ name, group }) => [name, group])).toEqual([
      ['fog', 'weather'],
      ['pixelate', 'digital'],
    ]);
    const accuracies = found.corruptions.flatMap(({ scores }) => scores);
    expect(comparison!.score.value).toBeCloseTo(accuracies.reduce((a, b) => a + b) / 4, 12);
    const { width, height } = await sharp(join(directory, found.png)).metadata();
    expect([width, height]).toEqual([3 * found.tileSize, 2 * found.tileSize]);

    // Predictions that were kept are not made again: spoiled ones are believed.
    const kept = join(directory, 'evaluations', 'robustness-step-000040.safetensors');
    const { tensors, metadata } = await readSafetensors(kept);
    expect(Object.keys(tensors).sort()).toEqual(['fog.1', 'fog.5', 'pixelate.1', 'pixelate.5']);
    tensors['fog.5']!.data.fill(-1);
    await keepSafetensors(kept, tensors, metadata);
    const more = join(folder, 'more.jsonc');
    await writeFile(more, JSON.stringify(tinyWith({}, { robustness: { ...tiny.robustness, severities: [1, 3, 5] } })));
    const again = await judge('--config', more);
    const [fog] = (JSON.parse(await readFile(join(directory, again.file!), 'utf8')) as RobustnessFile).corruptions;
    expect(fog!.scores).toEqual([found.corruptions[0]!.scores[0], expect.any(Number), 0]);
  });

  it('judges on another data set with the same classes', async () => {
    for (const name of ['circle', 'ring']) {
      for (let i = 0; i < 3; i++) await image(join(folder, 'elsewhere', name, `${i}.png`));
    }
    const shift = (source: string) => tinyWith({}, { robustness: { ...tiny.robustness, shift: { source } } });
    const config = join(folder, 'shift.jsonc');
    await writeFile(config, JSON.stringify(shift('elsewhere')));
    const told = await tessera(folder, 'evaluate', '--kind', 'robustness', '--config', config, '--json');
    const [, shifted] = json(told).filter((event) => event.type === 'evaluation');
    expect(shifted!.evaluation).toMatchObject({ variant: 'shift to elsewhere', testImages: 6 });

    for (let i = 0; i < 3; i++) await image(join(folder, 'elsewhere', 'banana', `${i}.png`));
    const { stdout } = await tessera(folder, 'evaluate', '--kind', 'robustness', '--config', config);
    expect(stdout).toContain('robustness.shift.source: class banana of elsewhere is not among the training classes');
  });

  it('judges by the config as it is now when named one, and as it was when the run began otherwise', async () => {
    const later = join(folder, 'later.jsonc');
    await writeFile(later, JSON.stringify(tinyWith({}, { probe: { k: 3, labels: [0.5, 1] } })));
    const judge = async (...args: string[]) =>
      json(await tessera(folder, 'evaluate', '--kind', 'knn', '--json', ...args)).flatMap((event) =>
        event.type === 'evaluation' ? [event.evaluation] : [],
      );
    const asNow = await judge('--config', later);
    expect(asNow.map(({ labels, protocol }) => [labels, protocol.slice(0, 8)])).toEqual([
      [0.5, 'kNN, k 3'],
      [1, 'kNN, k 3'],
    ]);
    expect((await judge())[0]!.protocol).toContain('k 5,');
    await writeFile(file, await readFile(later));
    expect((await judge(file))[0]!.protocol).toContain('k 3,');
  });

  it('tries the task itself on held-out images', async () => {
    const told = await tessera(folder, 'evaluate', '--kind', 'pretext', '--step', '30,40', '--json');
    const scored = json(told).filter((event) => event.type === 'evaluation');
    expect(scored.map(({ step }) => step)).toEqual([30, 40]);
    for (const { evaluation } of scored) {
      expect(evaluation).toMatchObject({ labels: 0, testImages: 32, comparison: { metric: 'loss' } });
      expect(evaluation.protocol).toMatch(/^mae on held-out images, batches of 16/);
    }
  });

  it('judges on another data set, with few and with all of its labels', async () => {
    const other = join(folder, 'other.jsonc');
    for (const [name, colour] of Object.entries({ red: '#c01010', blue: '#1010c0' })) {
      for (let i = 0; i < 20; i++) await image(join(folder, 'colours', name, `${i}.png`), colour);
    }
    const transfer = { source: 'colours', labels: [0.1, 1], protocols: ['probe', 'finetune'] };
    await writeFile(other, JSON.stringify(tinyWith({}, { transfer })));
    const told = await tessera(folder, 'evaluate', '--kind', 'transfer', '--config', other, '--json');
    const rows = json(told).flatMap((event) => (event.type === 'evaluation' ? [event.evaluation] : []));
    expect(rows.map(({ kind, variant, labels, trainImages }) => [kind, variant, labels, trainImages])).toEqual([
      ['transfer', 'linear probe on colours', 0.1, 4],
      ['transfer', 'linear probe on colours', 1, 32],
      ['transfer', 'fine-tune on colours', 0.1, 4],
      ['transfer', 'fine-tune on colours', 1, 32],
    ]);
    expect(rows.map(({ comparison }) => comparison!.baseline.name)).toEqual([
      ...['random init', 'random init', 'from scratch', 'from scratch'],
    ]);
    // Colours are easily told apart, so that what is scored are these images.
    expect(rows[1]!.comparison!.score.value).toBeGreaterThan(0.9);
  });

  it('judges by everything there is and writes it up, and does not do again what is done', async () => {
    const suite = () => tessera(folder, 'evaluate', '--suite', 'full', '--step', '30,40', '--json');
    const first = json(await suite());
    const done = (await readRun(directory)).evaluated.map(({ kind, step }) => `${kind} ${step}`);
    expect(done).toEqual(expect.arrayContaining(['pretext 30', 'probe 30', 'cluster 40', 'finetune 40']) as string[]);
    expect(first.find(({ type }) => type === 'notice')).toMatchObject({
      level: 'warning',
      message: expect.stringContaining('name one as `transfer.source`') as string,
    });
    const written = first.find((event) => event.type === 'report');
    const report = JSON.parse(await readFile(join(directory, written!.file), 'utf8')) as ReportFile;
    expect(new Set(report.evaluations.map(({ step }) => step))).toEqual(new Set([30, 40]));
    expect(report.leftOut.join()).toContain('transfer');
    expect(await readFile(join(directory, 'evaluations', 'report.md'), 'utf8')).toContain('## Step 40');

    const second = json(await suite());
    expect(second.filter(({ type }) => type === 'evaluation')).toEqual([]);
    expect(second.some(({ type }) => type === 'report')).toBe(true);
  });

  it('lists, shows and exports', async () => {
    const { runId } = (await readRun(directory)).manifest;
    const listed = JSON.parse((await tessera(folder, 'list', '--json')).stdout) as { runs: unknown[] };
    expect(listed.runs).toEqual([expect.objectContaining({ runId, status: 'finished', step: 40, totalSteps: 40 })]);
    expect((await tessera(folder, 'show', runId.slice(-4))).stdout).toMatch(/status +finished[^]*checkpoint @ step 40/);

    const told = await tessera(folder, 'export', file, '--out', 'encoder.safetensors');
    expect(told).toMatchObject({ code: 0, stderr: '' });
    const { tensors, metadata } = await readSafetensors(join(folder, 'encoder.safetensors'));
    expect(tensors['blocks.0.attn.qkv.weight']!.shape).toEqual([96, 32]);
    expect(JSON.parse(metadata.model!)).toMatchObject({ embed_dim: 32, depth: 1, num_heads: 2, patch_size: 8 });
  });

  it('begins with a config of its own making, and tells what the machine has', async () => {
    const told = await tessera(folder, 'init', 'new');
    expect(told.stdout).toContain('new.tessera.jsonc');
    expect((await tessera(folder, 'init', 'new')).code).toBe(2);
    const doctor = await tessera(folder, 'doctor', '--json');
    expect(doctor.code).toBe(0);
    expect(JSON.parse(doctor.stdout)).toContainEqual(expect.objectContaining({ name: 'engine onnx, cpu', ok: true }));
  });

  it('tells what a config will cost, also of a text that is not saved, without a run', async () => {
    const planned = await tessera(folder, 'plan', file, '--json');
    expect(JSON.parse(planned.stdout)).toMatchObject({ images: 48, batchSize: 16, stepsPerEpoch: 3, totalSteps: 40 });
    const { measured } = JSON.parse(planned.stdout) as Plan;
    expect(measured!.secondsPerStep).toBeGreaterThan(0);
    expect(measured!.memory).toBeGreaterThan(5e7);
    expect((await readdir(join(folder, '.tessera', 'runs'))).length).toBe(1);

    const typed = JSON.stringify(tinyWith({ batchSize: 24, steps: 7 }));
    const other = await tesseraGiven({ cwd: folder, text: typed }, 'plan', file, '--stdin');
    expect(other.stdout).toContain('7 steps');
    expect(other.stdout).toContain('2 steps of 24 of 48 images');

    const huge = tinyWith({ batchSize: 48, backbone: { patchSize: 1, width: 4096, depth: 100, heads: 64 } });
    const told = await tesseraGiven({ cwd: folder, text: JSON.stringify(huge) }, 'plan', file, '--stdin');
    expect(told.code).toBe(1);
    expect(told.stderr).toMatch(/does not fit into memory: lower pretrain\.batchSize.*It needs at least .* there are/);
  });

  it('says what was wrong with the command by its exit code', async () => {
    for (const [args, code] of [
      [['--help'], 0],
      [['no-such-command'], 2],
      [['evaluate', '--kind', 'nonsense'], 2],
      [['show', 'no-such-run'], 2],
      [['export', '--step', '7'], 2],
      [['stop'], 1],
      [['evaluate', '--kind', 'knn', '--step', '7'], 1],
      [['probe', '--config', 'no-such-config.jsonc'], 1],
    ] as const) {
      expect((await tessera(folder, ...args)).code, args.join(' ')).toBe(code);
    }
  });
});
