import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LaunchError, liveOwner, readJournal, readRun, runsFolder } from '../../client/index';
import type { RunEvent } from '../../protocol/events';
import { ended, follow, image, kill, project, start, tessera, tiny, tinyWith, train, trainerPath } from './support';

describe('a config that will not do is refused before anything is created', () => {
  it.each([
    ['broken JSON', '{ "data": { "source": "builtin:shapes" ', /:1:\d+: .*expected/i],
    [
      'a misspelt key',
      '{\n  "data": { "source": "builtin:shapes" },\n  "pretrian": {}\n}',
      /:3:3: .*did you mean "pretrain"/,
    ],
    ['a value out of range', tinyWith({ maskRatio: 1.5 }), /"pretrain.maskRatio" must be less than 1/],
    [
      'a patch size that does not divide',
      tinyWith({ backbone: { patchSize: 5 } }),
      /:11:\d+: The patch size must divide the image size/,
    ],
    [
      'a missing folder',
      tinyWith({}, { data: { source: 'no/such/folder' } }),
      /"data.source": there is no folder or file .*no\/such\/folder/,
    ],
  ])('%s', async (_, config, message) => {
    const file = await project(config);
    const told = await tessera(dirname(file), 'pretrain', file);
    expect(told.stderr).toMatch(message);
    expect(told.stderr).toContain(file);
    expect(told.code).toBe(2);
    const refusal = await start('pretrain', file).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(LaunchError);
    expect((refusal as LaunchError).problems).not.toEqual([]);
    expect(existsSync(runsFolder(file))).toBe(false);
  });
});

describe('a run that cannot go on ends as failed and says why', () => {
  it('an empty folder of images', async () => {
    const file = await project(tinyWith({}, { data: { source: 'images', imageSize: 32 } }));
    await mkdir(join(dirname(file), 'images'));
    const run = await ended((await start('pretrain', file)).directory);
    expect(run).toMatchObject({ status: 'failed', reason: expect.stringMatching(/data\.source/) as string });
  });

  it('a batch larger than the set, one image being the extreme', async () => {
    const file = await project(tinyWith({}, { data: { source: 'images', imageSize: 32 } }));
    await image(join(dirname(file), 'images', 'only.png'));
    const run = await ended((await start('pretrain', file)).directory);
    expect(run).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/pretrain\.batchSize is 16.* 1 /) as string,
    });
  });

  it('a queue larger than the set, which is only known when the images are counted', async () => {
    const { decoder: _, ...pretrain } = tiny.pretrain;
    const file = await project({
      ...tiny,
      data: { source: 'images', imageSize: 32 },
      pretrain: { ...pretrain, method: 'moco', version: 'v2', queue: 8, batchSize: 2 },
    });
    for (let i = 0; i < 7; i++) await image(join(dirname(file), 'images', `${i}.png`));
    const run = await ended((await start('pretrain', file)).directory);
    expect(run).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/pretrain\.queue: .*larger than the training set of 6.*use at most 6/) as string,
    });
  });

  it('a loss that is no number, with the images of the batch', async () => {
    const { run } = await train(tinyWith({ optimizer: { baseLr: 1e30, warmup: 0 } }));
    expect(run.status).toBe('failed');
    expect(run.reason).toMatch(
      /(train\/(loss|grad_norm)|An embedding) is (NaN|Infinity) at step \d+.*baseLr.*shape \d+, shape \d+/s,
    );
    expect(run.checkpoints).toEqual([]);
  });

  it('a model that no memory holds', async () => {
    const huge = { patchSize: 8, width: 65536, depth: 512, heads: 2 };
    const { run } = await train(tinyWith({ backbone: huge }));
    expect(run.reason).toMatch(/does not fit into memory: lower pretrain.batchSize, .*needs at least .* TB/);
  });

  it('a GPU that is not there', async () => {
    const { run } = await train(tinyWith({}, { device: 'webgpu' }));
    if (run.status === 'failed')
      expect(run.reason).toMatch(/^"device" is "webgpu", which does not work here: .*\. Say "cpu" or "auto"\.$/s);
    else expect(run).toMatchObject({ status: 'finished', engine: expect.stringMatching(/WebGPU/) as string });
  });
});

describe('clusters that there is nothing to score by', () => {
  it.each([
    ['no test images', ['images'], 4, /There are no test images: check `data.source` and `data.testSource`/],
    [
      'no labels',
      ['images'],
      10,
      /The test images have no labels, .*one subfolder per class.*pretext task, t-SNE, health/,
    ],
    [
      'fewer test images than clusters',
      ['images/a', 'images/b'],
      5,
      /2 test images cannot form 3 clusters: set `cluster.k` to at most 2/,
    ],
  ])('%s', async (_, folders, count, message) => {
    const data = { source: 'images', imageSize: 32 };
    const file = await project(tinyWith({ steps: 1, batchSize: 2 }, { data, cluster: { k: 3 } }));
    for (const folder of folders) for (let i = 0; i < count; i++) await image(join(dirname(file), folder, `${i}.png`));
    expect((await tessera(dirname(file), 'pretrain', file)).code).toBe(0);
    const told = await tessera(dirname(file), 'evaluate', '--kind', 'cluster');
    expect(told.stdout).toMatch(message);
    expect(told.code).toBe(1);
  });
});

describe('labels that nothing can be learnt from', () => {
  it.each([
    [
      'no labels',
      ['images'],
      [1],
      /The test images have no labels, .* or take the evaluations that need no labels: the pretext task, t-SNE, health/,
    ],
    [
      'a single class',
      ['images/a'],
      [1],
      /a single class \("a"\): nothing to tell apart\. Add images of a second class/,
    ],
    [
      'a share of the labels that is less than an image',
      ['images/a', 'images/b'],
      [0.01],
      /1% of the labels leave "a", .* without one: use a share of at least 0\.0\d+ in `labels`/,
    ],
  ])('%s', async (_, folders, labels, message) => {
    const data = { source: 'images', imageSize: 32 };
    const probe = { ...tiny.probe, k: 1, labels };
    const file = await project(tinyWith({ steps: 1, batchSize: 2 }, { data, probe }));
    for (const folder of folders) for (let i = 0; i < 10; i++) await image(join(dirname(file), folder, `${i}.png`));
    expect((await tessera(dirname(file), 'pretrain', file)).code).toBe(0);
    const told = await tessera(dirname(file), 'evaluate', '--kind', 'probe');
    expect(told.stdout).toMatch(message);
    expect(told.code).toBe(1);
    expect((await tessera(dirname(file), 'evaluate', '--kind', 'pretext')).code).toBe(0);
  });
});

describe('checkpoints that were tampered with', () => {
  const stopped = async () => {
    const { directory, pid } = await start('pretrain', await project(tinyWith({ steps: 100_000 })));
    const { until, feed } = await follow(directory);
    await until(({ run }) => run.checkpoints.length >= 2);
    kill(pid);
    await until(({ alive }) => !alive);
    feed.dispose();
    return directory;
  };
  const newest = async (directory: string) => {
    const names = (await readdir(join(directory, 'checkpoints'))).filter((name) => name.startsWith('step-')).sort();
    return names.map((name) => join(directory, 'checkpoints', name)).at(-1)!;
  };

  it('a damaged one is set aside and the one before is used', async () => {
    const directory = await stopped();
    const folder = await newest(directory);
    await truncate(join(folder, 'model.safetensors'), 1000);
    const { pid } = await start('resume', directory);
    const { until } = await follow(directory);
    const { run } = await until(({ run }) => run.status === 'running' && run.notices.length > 0);
    expect(run.notices[0]!.message).toMatch(/cannot be used: .*model\.safetensors/);
    kill(pid);
  });

  it('one of another backbone is refused by name, and nothing is lost', async () => {
    const directory = await stopped();
    const folders = await readdir(join(directory, 'checkpoints'));
    const manifest = join(directory, 'run.json');
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('"width": 32', '"width": 64'));
    await start('resume', directory);
    const run = await ended(directory);
    expect(run.status).toBe('failed');
    expect(run.reason).toMatch(/step-\d+\/state\.json: .*"pretrain\.backbone\.width" is 32, but run\.json says 64/);
    expect(await readdir(join(directory, 'checkpoints'))).toEqual(folders);
  });

  it('a run.json that is none, and a journal with a torn and a foreign line', async () => {
    const directory = await stopped();
    await appendFile(join(directory, 'events.jsonl'), 'not an event\n{"type":"metrics","st');
    expect((await readJournal(directory)).problems).toEqual([
      expect.stringMatching(/events\.jsonl, byte \d+: not JSON/),
    ]);
    const { pid } = await start('resume', directory);
    const { until } = await follow(directory);
    await until(({ run }) => run.status === 'running');
    kill(pid);
    await ended(directory);

    await writeFile(join(directory, 'run.json'), '{"version": 1}');
    await expect(start('resume', directory)).rejects.toThrow(/run\.json: runId: /);
  });
});

describe('a config that says another model than its newest run trained', () => {
  it('is not judged by that run, unless the run is named', async () => {
    const file = await project(tinyWith({ steps: 2 }));
    const { directory } = await start('pretrain', file);
    const { manifest } = await ended(directory);
    await writeFile(file, JSON.stringify(tinyWith({ steps: 2, backbone: { ...tiny.pretrain.backbone, heads: 4 } })));
    const told = await tessera(dirname(file), 'evaluate', file, '--kind', 'pretext');
    expect(told.stderr).toMatch(
      /now has 4 as "pretrain\.backbone\.heads"; its newest run, .*, was trained with 2\. Train/,
    );
    expect(told.code).toBe(2);
    const named = await tessera(dirname(file), 'evaluate', manifest.runId, '--config', file, '--kind', 'pretext');
    expect(named.code).toBe(0);
  });
});

describe('images that changed since the training', () => {
  it('are told of, and seen by the encoder as it was trained to see them', async () => {
    const data = { source: 'images', testSource: 'held-out', imageSize: 32 };
    const file = await project(tinyWith({ steps: 2, batchSize: 4 }, { data }));
    const folder = dirname(file);
    for (let i = 0; i < 8; i++) {
      await image(join(folder, 'images', `${i}.png`), `#${i}0${i}080`);
      await image(join(folder, 'held-out', `${i}.png`), `#80${i}0${i}0`);
    }
    expect((await tessera(folder, 'pretrain', file)).code).toBe(0);
    const lossNow = async () => {
      const told = await tessera(folder, 'evaluate', '--kind', 'pretext', '--json');
      const events = told.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as RunEvent]));
      const row = events.find((event) => event.type === 'evaluation');
      const notices = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
      return { loss: row!.evaluation.comparison!.score.value, notices };
    };
    const before = await lossNow();
    expect(before.notices).toEqual([]);
    await image(join(folder, 'images', 'white.png'), '#ffffff');
    const after = await lossNow();
    expect(after.notices).toEqual([expect.stringMatching(/images are not those that step 2 was trained on/) as string]);
    expect(after.loss).toBe(before.loss);
  });

  it('are judged by again when a suite is asked for, as those it knows are not', async () => {
    const data = { source: 'images', testSource: 'held-out', imageSize: 32 };
    const file = await project(tinyWith({ steps: 2, batchSize: 4 }, { data }));
    const folder = dirname(file);
    for (let i = 0; i < 8; i++) {
      await image(join(folder, 'images', `${i}.png`), `#${i}0${i}080`);
      await image(join(folder, 'held-out', `${i}.png`), `#80${i}0${i}0`);
    }
    const { directory } = await start('pretrain', file);
    await ended(directory);
    const judged = async () => {
      expect((await tessera(folder, 'evaluate', '--suite', 'full', '--kind', 'pretext')).code).toBe(0);
      const { events } = await readJournal(directory);
      return events.flatMap((event) => (event.type === 'evaluation' ? [event.evaluation.testImages] : []));
    };
    expect(await judged()).toEqual([8]);
    expect(await judged()).toEqual([8]);
    for (let i = 0; i < 4; i++) await image(join(folder, 'held-out', `new ${i}.png`));
    expect(await judged()).toEqual([8, 12]);
  });
});

describe.runIf(process.platform !== 'win32')('an evaluation that the system ends half-way', () => {
  it('is told apart from one that is done, and goes on when asked again', async () => {
    const file = await project(tinyWith({ steps: 10 }, { finetune: { steps: 1_000_000, batchSize: 8 } }));
    const folder = dirname(file);
    const { directory } = await start('pretrain', file);
    await ended(directory);
    const suite = () => tessera(folder, 'evaluate', file, '--suite', 'full', '--kind', 'knn,finetune');
    const first = suite();
    const { until, feed } = await follow(directory);
    await until(({ run, alive }) => alive && run.evaluating?.kind === 'finetune');
    process.kill((await liveOwner(directory))!.pid, 'SIGTERM');
    expect((await first).code).toBe(3);
    feed.dispose();
    const interrupted = await readRun(directory);
    expect(interrupted.status).toBe('finished');
    expect(interrupted.report).toBeUndefined();
    expect(interrupted.evaluated.map(({ kind }) => kind)).toEqual(['knn']);
    expect(interrupted.notices.at(-1)).toMatchObject({
      level: 'warning',
      message: expect.stringMatching(/fine-tune of step 10 was interrupted.* Ask again to go on/) as string,
    });

    await writeFile(file, JSON.stringify(tinyWith({ steps: 10 })));
    expect((await suite()).code).toBe(0);
    const { evaluations, report } = await readRun(directory);
    expect(evaluations.map(({ evaluation }) => evaluation.kind)).toEqual(['knn', 'finetune']);
    expect(report).toMatchObject({ leftOut: [] });
  });
});

describe.runIf(process.platform !== 'win32')('a disk that takes no more', () => {
  /** A trainer whose files may not grow past so many KiB. */
  async function limited(kib: number, ...args: string[]): Promise<{ code: number | null; directory: string }> {
    const child = spawn('bash', [
      '-c',
      `ulimit -f ${kib} && exec "$@"`,
      'bash',
      process.execPath,
      trainerPath,
      ...args,
    ]);
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, directory: (JSON.parse(output) as { ready: { runDirectory: string } }).ready.runDirectory };
  }

  it('in a checkpoint: the run fails by name and leaves no half of one', async () => {
    const file = await project(tinyWith({ backbone: { ...tiny.pretrain.backbone, width: 96, depth: 2 } }));
    const { code, directory } = await limited(400, 'pretrain', file);
    const run = await readRun(directory);
    expect(run).toMatchObject({ status: 'failed', checkpoints: [] });
    expect(run.reason).toMatch(/Cannot write checkpoints\/step-000010 in .*: the file would be larger/);
    expect(await readdir(join(directory, 'checkpoints'))).toEqual([]);
    expect(code).toBe(1);
  });

  it('in the journal: the run stops with whole lines, and goes on when there is room again', async () => {
    const config = tinyWith({ steps: 350, logEvery: 1, checkpointEvery: 100, picturesEvery: 1000 });
    const small = {
      backbone: { ...tiny.pretrain.backbone, width: 8 },
      decoder: { ...tiny.pretrain.decoder, width: 8 },
    };
    const data = { ...tiny.data, train: 16, test: 10 };
    const file = await project({ ...config, data, pretrain: { ...(config.pretrain as object), ...small } });
    const { code, directory } = await limited(56, 'pretrain', file);
    expect(code).toBe(1);
    const stopped = await readRun(directory);
    expect(stopped.problems).toEqual([]);
    expect(stopped.step).toBeGreaterThan(100);
    expect(stopped.step).toBeLessThan(350);
    expect((await readFile(join(directory, 'events.jsonl'), 'utf8')).endsWith('}\n')).toBe(true);
    await start('resume', directory);
    expect(await ended(directory)).toMatchObject({ status: 'finished', step: 350 });
  });

  it('where no run can be created', async () => {
    const file = await project(tiny);
    await writeFile(join(dirname(file), '.tessera'), 'in the way');
    await expect(start('pretrain', file)).rejects.toThrow(/Cannot create .*\.tessera/);
  });
});
