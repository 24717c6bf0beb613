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

const facts = { engine: 'an engine', mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] };
const stateOf = (value: number): HostTensors => ({
  'encoder.w': { dtype: 'float32', shape: [2], data: Float32Array.of(value, -value) },
  'optimizer.m.encoder.w': { dtype: 'float32', shape: [2], data: Float32Array.of(0, value) },
});
const save = (step: number) => saveCheckpoint(directory, step, facts, stateOf(step));
const fileOf = (step: number, name: string) =>
  join(directory, 'checkpoints', `step-${String(step).padStart(6, '0')}`, name);

describe('a checkpoint', () => {
  it('gives back the state it was given', async () => {
    const saved = await save(500);
    expect(saved).toMatchObject({ step: 500, path: 'checkpoints/step-000500' });
    const loaded = await loadCheckpoint(directory, 500, stateOf(0));
    expect(loaded).toMatchObject({ step: 500, engine: 'an engine', state: stateOf(500), bytes: saved.bytes });
    expect(loaded.normalization).toEqual({ mean: facts.mean, std: facts.std });
  });

  it('can be read without the optimizer', async () => {
    await save(1);
    await rm(fileOf(1, 'optimizer.safetensors'));
    expect(Object.keys((await loadCheckpoint(directory, 1, stateOf(0), 'model')).state)).toEqual(['encoder.w']);
  });

  it('replaces one of the same step', async () => {
    await save(1);
    await saveCheckpoint(directory, 1, facts, stateOf(9));
    expect((await loadCheckpoint(directory, 1, stateOf(0))).state).toEqual(stateOf(9));
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
    await expect(loadCheckpoint(directory, 1, stateOf(0))).rejects.toThrow(`${file}: is damaged`);
  });

  it('another shape, a missing tensor, one too many: each by name', async () => {
    await save(1);
    const wide = { dtype: 'float32', shape: [3] } as const;
    await expect(loadCheckpoint(directory, 1, { ...stateOf(0), 'encoder.w': wide })).rejects.toThrow(
      /"encoder.w" is float32 \[2\], but the config's model has float32 \[3\]. It has another backbone than `pretrain.backbone` of the config: put back the config .* run\.json, or start/,
    );
    await expect(loadCheckpoint(directory, 1, { ...stateOf(0), 'encoder.v': wide })).rejects.toThrow(
      /has no "encoder.v"/,
    );
    await expect(loadCheckpoint(directory, 1, {})).rejects.toThrow(/has "encoder.w", which the config's model has not/);
  });

  it('in another folder than its step says', async () => {
    await save(1);
    await mkdir(join(directory, 'checkpoints', 'step-000002'));
    await writeFile(fileOf(2, 'state.json'), await readFile(fileOf(1, 'state.json')));
    await expect(loadCheckpoint(directory, 2, stateOf(0))).rejects.toThrow(/is of step 1, in the folder of step 2/);
  });
});

describe('the newest checkpoint', () => {
  it('is none in a run that has none', async () => {
    expect(await newestCheckpoint(directory, stateOf(0))).toEqual({ damaged: [] });
  });

  it('is the newest whole one; damaged ones are set aside', async () => {
    for (const step of [1, 2, 3]) await save(step);
    await writeFile(fileOf(3, 'state.json'), '{');
    const { checkpoint, damaged } = await newestCheckpoint(directory, stateOf(0));
    expect(checkpoint!.step).toBe(2);
    expect(damaged).toEqual([{ step: 3, reason: expect.stringContaining('state.json: is not valid JSON') as string }]);
    expect(await checkpointSteps(directory)).toEqual([1, 2]);
  });

  it('is an error, and nothing is moved, when no one is whole', async () => {
    await save(1);
    await rm(fileOf(1, 'model.safetensors'));
    await expect(newestCheckpoint(directory, stateOf(0))).rejects.toThrow(/No checkpoint of this run can be used/);
    expect(await checkpointSteps(directory)).toEqual([1]);
  });
});

it('only the newest are kept, and those that were evaluated', async () => {
  for (const step of [1, 2, 3, 4, 5]) await save(step);
  expect(await pruneCheckpoints(directory, 2, new Set([2]))).toEqual([1, 3]);
  expect(await checkpointSteps(directory)).toEqual([2, 4, 5]);
});
