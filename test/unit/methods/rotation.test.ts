import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import type { HostTensor, HostTensors } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods/index';
import type { Method } from '../../../trainer/methods/index';
import { normal } from '../../../trainer/nn/initializers';
import { random } from '../../../trainer/random/random';
import { evaluate, float32, int32 } from '../nn/evaluate';
import { readFixture } from './fixture';
import { describeParity } from './parity';
import { accuracies, puzzleParity } from './puzzles';
import type { PuzzleAbout } from './puzzles';

const rotation = (backbone: object, imageSize: number): Method =>
  createMethod(PretrainConfig.parse({ method: 'rotation', backbone }), imageSize);

describe('rotation in PyTorch (fixtures/puzzles/generate.py)', () => {
  const { tensors, about } = readFixture(new URL('../../fixtures/puzzles/rotation.safetensors', import.meta.url));
  const { imageSize, patchSize, width, depth, heads, mlpRatio } = about as PuzzleAbout;
  const [updates, batch] = tensors.images!.shape as [number, number];
  const make = () => {
    const method = rotation({ type: 'vit', patchSize, width, depth, heads, mlpRatio }, imageSize);
    return puzzleParity(method, tensors, about as PuzzleAbout, { turn: new Int32Array(updates * batch) });
  };
  describeParity([['a ViT', make]]);

  it('is right as often', async () => {
    const { before, training, inputSpecs, inputs } = make();
    const given = Object.entries(inputs(0)).map(([name, data]) => [name, { ...inputSpecs[name]!, data }] as const);
    const metrics = await evaluate((p, i) => ({ ...training.loss(p, i).metrics }), before, Object.fromEntries(given));
    expect(metrics['train/accuracy']!.data[0]).toBeCloseTo(tensors.accuracies!.data[0]!, 6);
  });
});

const SIZE = 8;
const BATCH = 4;
const method = rotation({ type: 'vit', patchSize: 4, width: 8, depth: 1, heads: 2, mlpRatio: 2 }, SIZE);
const params = method.init(3);
const images = normal([BATCH, SIZE, SIZE, 3], 1, 0, 'images');

/** Each image turned counter-clockwise by its number of quarters: what ends at (row, column) was at (column, last - row). */
function turned({ data, ...tensor }: HostTensor, turns: readonly number[]): HostTensor {
  const values = Float32Array.from(data, (_, i) => {
    const image = Math.floor(i / (SIZE * SIZE * 3));
    let [row, column] = [Math.floor(i / (SIZE * 3)) % SIZE, Math.floor(i / 3) % SIZE];
    for (let turn = 0; turn < turns[image]!; turn++) [row, column] = [column, SIZE - 1 - row];
    return data[((image * SIZE + row) * SIZE + column) * 3 + (i % 3)]!;
  });
  return { ...tensor, data: values };
}

const lossOf = async (given: HostTensor, state: HostTensors = params) => {
  const { loss } = await evaluate((p, i) => ({ loss: method.loss(p, i).loss }), state, {
    images: given,
    turn: int32([BATCH], [0, 0, 0, 0]),
  });
  return loss!.data[0]!;
};
const paint = (turns: readonly number[], state: HostTensors = params) =>
  evaluate((p, i) => method.pictures.paint(p, i), state, { images, turn: int32([BATCH], turns) });
/** A head that gives every image the same four scores. */
const scoring = (scores: readonly number[]): HostTensors => ({
  ...params,
  'head.kernel': float32([8, 4], new Float32Array(32)),
  'head.bias': float32([4], scores),
});

describe('the loss', () => {
  it('poses every image in all four turns, so that it does not matter how an image comes with its turns told', async () => {
    // With the head's columns exchanged like the poses, turned images are the same task.
    const exchanged = (values: ArrayLike<number>) =>
      Float32Array.from(values, (_, i) => values[i - (i % 4) + ((i + 3) % 4)]!);
    const head = params['head.kernel']!;
    const moved = { ...params, 'head.kernel': { ...head, data: exchanged(head.data) } };
    expect(await lossOf(turned(images, [3, 3, 3, 3]), moved)).toBeCloseTo(await lossOf(images), 5);
    expect(await lossOf(turned(images, [3, 3, 3, 3]))).not.toBeCloseTo(await lossOf(images), 3);
  });

  it('of a head that knows nothing is ln 4', async () => {
    expect(await lossOf(images, scoring([0, 0, 0, 0]))).toBeCloseTo(Math.log(4), 6);
  });

  it('of one that always says 180° follows from the score alone, whatever the images', async () => {
    const confident = Math.log(Math.exp(2) + 3);
    expect(await lossOf(images, scoring([0, 0, 2, 0]))).toBeCloseTo(confident - 2 / 4, 5);
  });
});

describe('the pictures', () => {
  it('show each image posed as drawn, and turned back by the guess', async () => {
    const turns = [0, 1, 2, 3];
    for (const said of turns) {
      const scores = turns.map((turn) => (turn === said ? 5 : 0));
      const { posed, answered, guess } = await paint(turns, scoring(scores));
      expect(posed).toEqual(turned(images, turns));
      expect([...guess!.data]).toEqual([said, said, said, said]);
      expect(answered).toEqual(
        turned(
          images,
          turns.map((turn) => (turn - said + 4) % 4),
        ),
      );
    }
  });

  it('come with the answer and its confidence', async () => {
    const painted = await paint([0, 1, 2, 3], scoring([0, 3, 0, 0]));
    const confidence = Math.exp(3) / (Math.exp(3) + 3);
    const { answers } = method.pictures.read!(painted);
    expect(answers!.map(({ truth, guess }) => [truth, guess])).toEqual([
      ['0°', '90°'],
      ['90°', '90°'],
      ['180°', '90°'],
      ['270°', '90°'],
    ]);
    for (const answer of answers!) expect(answer.confidence).toBeCloseTo(confidence, 5);
    expect(painted.loss!.data[1]).toBeCloseTo(-Math.log(confidence), 5);
    expect(painted.loss!.data[0]).toBeCloseTo(-Math.log((1 - confidence) / 3), 5);
  });

  it('are the same on the compiled engine', async () => {
    const inputs = { images, turn: int32([BATCH], [3, 2, 1, 0]) };
    const [compiled, eager] = [
      await evaluate((p, i) => method.pictures.paint(p, i), params, inputs, 'onnx'),
      await evaluate((p, i) => method.pictures.paint(p, i), params, inputs),
    ];
    expect(Object.keys(compiled).sort()).toEqual(Object.keys(eager).sort());
    for (const [name, { data }] of Object.entries(eager)) {
      data.forEach((value, i) => expect(compiled[name]!.data[i]).toBeCloseTo(value, 4));
    }
  });
});

it('draws turns that are fixed by the key, all four of them', () => {
  fc.assert(
    fc.property(fc.nat(), (key) => {
      const { turn } = method.draw(64, random(key));
      expect(method.draw(64, random(key)).turn).toEqual(turn);
      expect(new Set(turn)).toEqual(new Set([0, 1, 2, 3]));
    }),
  );
});

it('trains a residual network, whose running statistics move', async () => {
  const own = rotation({ type: 'resnet18', width: 4 }, SIZE);
  const state = own.init(1);
  const outputs = await evaluate(
    (p, i) => ({ ...own.loss(p, i).buffers }),
    state,
    { images, turn: int32([BATCH], [0, 0, 0, 0]) },
    'onnx',
  );
  const buffers = Object.keys(state).filter((name) => name.startsWith('buffer.'));
  expect(buffers.length).toBeGreaterThan(0);
  expect(Object.keys(outputs).sort()).toEqual(buffers.sort());
  for (const name of buffers) expect(outputs[name]!.data, name).not.toEqual(state[name]!.data);
});

it('learns how a few images stand', async () => {
  const right = await accuracies(method, images, 150);
  expect(right.slice(-10)).toEqual(Array(10).fill(1));
});
