import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { readJournal, readRun } from '../../client/index';
import { random } from '../../trainer/random/random';
import { enginesUnderTest } from '../engines';
import { ended, follow, kill, project, sha256, start, tinyWith, train } from './support';

const mae = tinyWith({ steps: 60, checkpointEvery: 7, logEvery: 1 });
const mixed = { ...tinyWith({ ...(mae.pretrain as object), precision: 'mixed' }), device: 'cpu' };
const { decoder: _, ...pretrain } = mae.pretrain as Record<string, unknown>;
const moco = {
  ...mae,
  pretrain: { ...pretrain, method: 'moco', version: 'v2', queue: 32, projector: { hidden: 16, output: 8 } },
};
const wasm = { ...mae, device: 'wasm' };
const last = 'checkpoints/step-000060';
const weights = async (directory: string) =>
  await Promise.all(['model', 'optimizer'].map((name) => sha256(join(directory, last, `${name}.safetensors`))));

const cases = enginesUnderTest.flatMap((engine) => [
  ['of MAE', engine, { ...mae, engine }] as const,
  ['of MoCo, with a queue and a momentum encoder', engine, { ...moco, engine }] as const,
]);

describe.each([
  ...cases,
  ['of MAE', 'onnx, on WebAssembly', wasm] as const,
  ['of MAE', 'onnx, in mixed precision', mixed] as const,
])('a run that was killed, %s on %s,', (_, _engine, config) => {
  let uninterrupted: { directory: string };
  beforeAll(async () => {
    uninterrupted = await train(config);
  });

  it('trains again to the same weights as any other run of its config and seed', async () => {
    const again = await train(config);
    expect(await weights(again.directory)).toEqual(await weights(uninterrupted.directory));
  });

  it('goes on to weights that equal the uninterrupted run bit for bit, wherever it was killed', async () => {
    const draws = random('kill', Date.now());
    const file = await project(config);
    let { directory, pid } = await start('pretrain', file);
    const killedAt: number[] = [];
    for (let kills = 0; kills < 4; kills++) {
      // Anywhere: before the first step, in a step, in a checkpoint, between two rows.
      const { until, feed } = await follow(directory);
      const begun = (await readRun(directory)).step;
      const wanted = begun + draws.int(14);
      await until(({ run, alive }) => run.step >= wanted || !alive);
      await sleep(draws.int(30));
      kill(pid);
      const { run, liveStatus } = await until(({ alive }) => !alive);
      feed.dispose();
      killedAt.push(run.step);
      if (liveStatus === 'finished') break;
      expect(liveStatus).toBe('crashed');
      ({ directory, pid } = await start('resume', directory));
    }
    const run = await ended(directory);
    expect(run.status, `killed at ${killedAt.join(', ')}`).toBe('finished');
    expect(await weights(directory), `killed at ${killedAt.join(', ')}`).toEqual(
      await weights(uninterrupted.directory),
    );

    const whole = await readRun(uninterrupted.directory);
    expect(run.metrics['train/loss']).toEqual(whole.metrics['train/loss']);
    expect((await readJournal(directory)).problems).toEqual([]);
  });

  it('is not there to be resumed once it has finished', async () => {
    await expect(start('resume', uninterrupted.directory)).rejects.toThrow(/has finished; there is nothing to resume/);
  });
});
