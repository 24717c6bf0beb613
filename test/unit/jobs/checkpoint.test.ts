import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostTensors } from '../../../trainer/engine/types';
import {
  checkpointSteps,
  loadCheckpoint,
  newestCheckpoint,
  pruneCheckpoints,
  saveCheckpoint,
} from '../../../trainer/jobs/checkpoint';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tessera-checkpoint-'));
});
afterEach(async () => await rm(directory, { recursive: true }));

const model = { data: { imageSize: 32 }, pretrain: { method: 'mae', backbone: { type: 'vit', width: 8, heads: 2 } } };
const origin = { runId: 'a-run', model };
const facts = { origin, engine: 'an engine', mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] } as const;
const stateOf = (value: number): HostTensors => ({
  'encoder.w': { dtype: 'float32', shape: [2], data: Float32Array.of(value, -value) },
  'optimizer.m.encoder.w': { dtype: 'float32', shape: [2], data: Float32Array.of(0, value) },
});
const wanted = { origin, specs: stateOf(0) };
const save = (step: number) => saveCheckpoint(directory, step, facts, stateOf(step));
const fileOf = (step: number, name: string) =>
  join(directory, 'checkpoints', `step-${String(step).padStart(6, '0')}`, name);

describe('a checkpoint', () => {
  it('gives back the state it was given', async () => {
    const saved = await save(500);
    expect(saved).toMatchObject({ step: 500, path: 'checkpoints/step-000500' });
    const loaded = await loadCheckpoint(directory, 500, wanted);
    expect(loaded).toMatchObject({ step: 500, engine: 'an engine', state: stateOf(500), bytes: saved.bytes });
    expect(loaded.normalization).toEqual({ mean: facts.mean, std: facts.std });
  });

  it('can be read without the optimizer', async () => {
    await save(1);
    await rm(fileOf(1, 'optimizer.safetensors'));
    expect(Object.keys((await loadCheckpoint(directory, 1, wanted, 'model')).state)).toEqual(['encoder.w']);
  });

  it('replaces one of the same step', async () => {
    await save(1);
    await saveCheckpoint(directory, 1, facts, stateOf(9));
    expect((await loadCheckpoint(directory, 1, wanted)).state).toEqual(stateOf(9));
    expect(await readdir(join(directory, 'checkpoints'))).toEqual(['step-000001']);
  });

  it('is not there at all when it could not be written', async () => {
    await writeFile(join(directory, 'checkpoints'), 'in the way');
    await expect(save(1)).rejects.toThrow(/Cannot write checkpoints\/step-000001 in /);
    expect(await readdir(directory)).toEqual(['checkpoints']);
  });

  it('half written by a process that died, is no checkpoint and does not hinder the next one', async () => {
    await mkdir(join(directory, 'checkpoints', '.writing-step-000001'), { recursive: true });
    await writeFile(join(directory, 'checkpoints', '.writing-step-000001', 'model.safetensors'), 'half');
    expect(await checkpointSteps(directory)).toEqual([]);
    await save(1);
    expect(await readdir(join(directory, 'checkpoints'))).toEqual(['step-000001']);
  });
});

describe('a checkpoint that is not what was written', () => {
  it.each(['model', 'optimizer'])('a changed byte in the %s', async (name) => {
    await save(1);
    const file = fileOf(1, `${name}.safetensors`);
    const bytes = await readFile(file);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    await expect(loadCheckpoint(directory, 1, wanted)).rejects.toThrow(`${file}: is damaged`);
  });

  it('another shape, a missing tensor, one too many: each by name', async () => {
    await save(1);
    const wide = { dtype: 'float32', shape: [3] } as const;
    await expect(loadCheckpoint(directory, 1, { origin, specs: { ...stateOf(0), 'encoder.w': wide } })).rejects.toThrow(
      /"encoder.w" is float32 \[2\], but the config's model has float32 \[3\]. It has another backbone than `pretrain.backbone` of the config: put back the config .* run\.json, or start/,
    );
    await expect(loadCheckpoint(directory, 1, { origin, specs: { ...stateOf(0), 'encoder.v': wide } })).rejects.toThrow(
      /has no "encoder.v"/,
    );
    await expect(loadCheckpoint(directory, 1, { origin, specs: {} })).rejects.toThrow(
      /has "encoder.w", which the config's model has not/,
    );
  });

  it('in another folder than its step says', async () => {
    await save(1);
    await mkdir(join(directory, 'checkpoints', 'step-000002'));
    await writeFile(fileOf(2, 'state.json'), await readFile(fileOf(1, 'state.json')));
    await expect(loadCheckpoint(directory, 2, wanted)).rejects.toThrow(/is of step 1, in the folder of step 2/);
  });
});

describe('a checkpoint of the same shapes that is of something else', () => {
  const specs = stateOf(0);
  const { data, pretrain } = model;

  it('is refused when it was copied from another run', async () => {
    await save(1);
    const other = { specs, origin: { ...origin, runId: 'b-run' } };
    await expect(loadCheckpoint(directory, 1, other)).rejects.toThrow(
      /state\.json: is of the run a-run, in the folder of b-run: put back the one .*, or name a-run instead/,
    );
    await expect(newestCheckpoint(directory, other)).rejects.toThrow(/is of the run a-run/);
    expect(await checkpointSteps(directory)).toEqual([1]);
  });

  it.each([
    [
      'heads',
      { data, pretrain: { ...pretrain, backbone: { ...pretrain.backbone, heads: 4 } } },
      /whose "pretrain\.backbone\.heads" is 2, but run\.json says 4: put 2 back into run\.json, or start a new run/,
    ],
    ['image size', { data: { imageSize: 64 }, pretrain }, /whose "data\.imageSize" is 32, but run\.json says 64/],
    [
      'method',
      { data, pretrain: { ...pretrain, method: 'simclr' } },
      /whose "pretrain\.method" is "mae", but run\.json says "simclr"/,
    ],
    [
      'backbone',
      { data, pretrain: { method: 'mae' } },
      /whose "pretrain\.backbone\.type" is "vit", but .* leaves it out/,
    ],
  ])('is refused when the model has another %s', async (_, model, message) => {
    await save(1);
    await expect(loadCheckpoint(directory, 1, { specs, origin: { ...origin, model } })).rejects.toThrow(message);
  });

  it('is taken when it says nothing of it, as older ones do', async () => {
    await save(1);
    const file = fileOf(1, 'state.json');
    const { origin: _, ...older } = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify(older));
    const other = { specs, origin: { ...origin, runId: 'b-run' } };
    expect((await loadCheckpoint(directory, 1, other)).state).toEqual(stateOf(1));
  });
});

describe('the newest checkpoint', () => {
  it('is none in a run that has none', async () => {
    expect(await newestCheckpoint(directory, wanted)).toEqual({ damaged: [] });
  });

  it('is the newest whole one; damaged ones are set aside', async () => {
    for (const step of [1, 2, 3]) await save(step);
    await writeFile(fileOf(3, 'state.json'), '{');
    const { checkpoint, damaged } = await newestCheckpoint(directory, wanted);
    expect(checkpoint!.step).toBe(2);
    expect(damaged).toEqual([{ step: 3, reason: expect.stringContaining('state.json: is not valid JSON') as string }]);
    expect(await checkpointSteps(directory)).toEqual([1, 2]);
  });

  it('is an error, and nothing is moved, when no one is whole', async () => {
    await save(1);
    await rm(fileOf(1, 'model.safetensors'));
    await expect(newestCheckpoint(directory, wanted)).rejects.toThrow(/No checkpoint of this run can be used/);
    expect(await checkpointSteps(directory)).toEqual([1]);
  });
});

it('only the newest are kept, and those that were evaluated', async () => {
  for (const step of [1, 2, 3, 4, 5]) await save(step);
  expect(await pruneCheckpoints(directory, 2, new Set([2]))).toEqual([1, 3]);
  expect(await checkpointSteps(directory)).toEqual([2, 4, 5]);
});
