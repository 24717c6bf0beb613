import { describe, expect, it } from 'vitest';
import { PretrainConfig, tilingOf } from '../../../protocol/config';
import type { JigsawConfig } from '../../../protocol/config';
import type { HostTensor, HostTensors } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods/index';
import { createJigsaw } from '../../../trainer/methods/jigsaw';
import { distantPermutations } from '../../../trainer/methods/permutations';
import { normal } from '../../../trainer/nn/initializers';
import { createVit } from '../../../trainer/nn/vit';
import { random } from '../../../trainer/random/random';
import { evaluate, float32, withSpecs } from '../nn/evaluate';
import { readFixture } from './fixture';
import { describeParity } from './parity';
import { accuracies, puzzleParity } from './puzzles';
import type { PuzzleAbout } from './puzzles';

const configOf = (options: object) => PretrainConfig.parse({ method: 'jigsaw', ...options }) as JigsawConfig;

describe('jigsaw in PyTorch (fixtures/puzzles/generate.py)', () => {
  const make = (name: string) => {
    const { tensors, about } = readFixture(new URL(`../../fixtures/puzzles/${name}.safetensors`, import.meta.url));
    const { imageSize, patchSize, width, depth, heads, mlpRatio, ...options } = about as PuzzleAbout &
      Pick<JigsawConfig, 'grid' | 'tileSize' | 'hiddenWidth' | 'permutations'>;
    const { grid, tileSize, hiddenWidth, permutations } = options;
    const backbone = { patchSize, width, depth, heads, mlpRatio };
    const config = configOf({ backbone, grid, tileSize, hiddenWidth, permutations });
    const [encoder, tileEncoder] = [imageSize, tileSize!].map((side) => createVit({ ...backbone, imageSize: side }));
    const method = createJigsaw(config, imageSize, encoder!, tileEncoder!, Uint8Array.from(tensors.orders!.data));
    const { permutation, jitter } = tensors as Record<'permutation' | 'jitter', HostTensor>;
    // In the fixture (down, right), here as one distance.
    const distances = Int32Array.from(
      { length: jitter.data.length / 2 },
      (_, i) => jitter.data[2 * i]! * imageSize + jitter.data[2 * i + 1]!,
    );
    const draws = { permutation: permutation.data as Int32Array, jitter: distances };
    return { accuracies: tensors.accuracies!.data, ...puzzleParity(method, tensors, about as PuzzleAbout, draws) };
  };
  describeParity([
    ['2 x 2 tiles', () => make('jigsaw-2')],
    ['3 x 3 tiles inside a margin', () => make('jigsaw-3')],
  ]);

  it.each(['jigsaw-2', 'jigsaw-3'])('is right as often: %s', async (name) => {
    const { before, training, inputSpecs, inputs, accuracies } = make(name);
    const given = Object.entries(inputs(0)).map(([name, data]) => [name, { ...inputSpecs[name]!, data }] as const);
    const metrics = await evaluate((p, i) => ({ ...training.loss(p, i).metrics }), before, Object.fromEntries(given));
    expect(metrics['train/accuracy']!.data[0]).toBeCloseTo(accuracies[0]!, 6);
  });
});

const SIZE = 20;
const BATCH = 3;
const TILES = 9;
const PERMUTATIONS = 12;
const backbone = { patchSize: 2, width: 8, depth: 1, heads: 2, mlpRatio: 2 };
const config = configOf({ backbone, permutations: PERMUTATIONS, hiddenWidth: 16 });
const { cell, tile, margin } = tilingOf(config, SIZE);
const method = createMethod(config, SIZE);
const params = method.init(3);
const specs = method.inputs(BATCH);
const orders = distantPermutations(TILES, PERMUTATIONS, 0);
const images = normal([BATCH, SIZE, SIZE, 3], 1, 0, 'images');
const draws = method.draw(BATCH, random('draws'));

type Changes = Readonly<Record<string, HostTensor['data']>>;
const inputsWith = (changes: Changes = {}): HostTensors =>
  withSpecs({ ...draws, images: images.data, ...changes }, specs);
const paint = (changes?: Changes, state = params) =>
  evaluate((p, i) => method.pictures.paint(p, i), state, inputsWith(changes));
const lossOf = async (changes?: Changes, state = params) =>
  (await evaluate((p, i) => ({ loss: method.loss(p, i).loss }), state, inputsWith(changes))).loss!.data[0]!;

/** Value `i` of the images: which image, row, column, channel it is. */
const place = (i: number) =>
  [Math.floor(i / (SIZE * SIZE * 3)), Math.floor(i / (SIZE * 3)) % SIZE, Math.floor(i / 3) % SIZE] as const;
/** The cell that a row or column is in, or none in the margin. */
const cellOf = (at: number) => Math.floor((at - margin) / cell);

it('cuts a margin, cells and tiles in whole patches that leave a gap', () => {
  expect({ cell, tile, margin }).toEqual({ cell: 6, tile: 4, margin: 1 });
  const tilings = (
    [
      [32, { grid: 3 }],
      [32, { grid: 2 }],
      [255, { grid: 3, backbone: { type: 'resnet18' } }],
      [224, { grid: 3, backbone: { patchSize: 16 } }],
    ] as const
  ).map(([size, options]) => tilingOf(configOf(options), size));
  expect(tilings).toEqual([
    { cell: 10, tile: 8, margin: 1 },
    { cell: 16, tile: 12, margin: 0 },
    { cell: 85, tile: 64, margin: 0 },
    { cell: 74, tile: 48, margin: 1 },
  ]);
});

describe('the draws', () => {
  it('keep every tile inside its cell, and use all the room that it has', () => {
    const { permutation, jitter } = method.draw(500, random('many'));
    const steps = Array.from(jitter!, (distance) => [Math.floor(distance / SIZE), distance % SIZE]);
    const reached = new Set(steps.map(String));
    const room = cell - tile + 1;
    expect(reached.size).toBe(room * room);
    expect(Math.max(...steps.flat())).toBe(room - 1);
    expect(new Set(permutation).size).toBe(PERMUTATIONS);
  });

  it('are fixed by the key', () => {
    expect(method.draw(4, random(1))).toEqual(method.draw(4, random(1)));
    expect(method.draw(4, random(1))).not.toEqual(method.draw(4, random(2)));
  });
});

describe('what the model sees', () => {
  it('is nothing but the tiles', async () => {
    const { puzzle } = await paint();
    const shown = new Set(puzzle!.data);
    const outside = images.data.map((value) => (shown.has(value) ? value : 100));
    expect([...outside].filter((value) => value === 100).length).toBeGreaterThan(0);
    expect(await lossOf({ images: outside })).toBe(await lossOf());
    expect(await lossOf({ images: images.data.map((value) => -(value ** 2)) })).not.toBe(await lossOf());
  });

  it('does not tell the brightness or the contrast of a tile, in any channel', async () => {
    const adjusted = images.data.map((value, i) => {
      const [, row, column] = place(i);
      const at = 3 * cellOf(row) + cellOf(column) + (i % 3);
      return value * (1 + at) - 2 * at;
    });
    expect(await lossOf({ images: adjusted })).toBeCloseTo(await lossOf(), 4);
  });

  it('does not tell where in the image a tile was: with the same content everywhere, all orders look alike', async () => {
    const [first] = [images.data.slice(0, cell * cell * 3)];
    const repeated = images.data.map((_, i) => {
      const [, row, column] = place(i);
      return first[(((row + cell - margin) % cell) * cell + ((column + cell - margin) % cell)) * 3 + (i % 3)]!;
    });
    const jitter = new Int32Array(BATCH * TILES);
    const scores = async (order: number) => {
      const { guess, confidence } = await paint({
        images: repeated,
        jitter,
        permutation: new Int32Array(BATCH).fill(order),
      });
      return [...guess!.data, ...confidence!.data];
    };
    const expected = await scores(0);
    for (let order = 1; order < PERMUTATIONS; order++) expect(await scores(order)).toEqual(expected);
  });
});

describe('the pictures', () => {
  /** A head that gives every puzzle the same answer. */
  const saying = (order: number): HostTensors => ({
    ...params,
    'head.order.kernel': float32([16, PERMUTATIONS], new Float32Array(16 * PERMUTATIONS)),
    'head.order.bias': float32(
      [PERMUTATIONS],
      Array.from({ length: PERMUTATIONS }, (_, i) => (i === order ? 4 : 0)),
    ),
  });
  const permutation = Int32Array.of(2, 5, 7);

  /** The tile at a place of a picture as its values. */
  function tileAt({ data }: HostTensor, image: number, at: number): number[] {
    const before = Math.floor((cell - tile) / 2);
    const [top, left] = [Math.floor(at / 3), at % 3].map((k) => margin + k * cell + before) as [number, number];
    const rows = Array.from({ length: tile }, (_, row) => ((image * SIZE + top + row) * SIZE + left) * 3);
    return rows.flatMap((start) => [...data.slice(start, start + tile * 3)]);
  }
  /** Tile `at` of an image, moved by `distance`. */
  function tileOf(image: number, at: number, distance: number): number[] {
    const corner = (margin + Math.floor(at / 3) * cell) * SIZE + margin + (at % 3) * cell + distance;
    const rows = Array.from({ length: tile }, (_, row) => (image * SIZE * SIZE + corner + row * SIZE) * 3);
    return rows.flatMap((start) => [...images.data.slice(start, start + tile * 3)]);
  }

  it('lay the tiles out in the order that was drawn, with gaps, and then in the one that is guessed', async () => {
    const said = 5;
    const { puzzle, answered, original } = await paint({ permutation }, saying(said));
    expect(original).toEqual(images);
    for (let image = 0; image < BATCH; image++) {
      for (let at = 0; at < TILES; at++) {
        const order = orders.subarray(permutation[image]! * TILES, (permutation[image]! + 1) * TILES);
        const laid = tileOf(image, order[at]!, draws.jitter![image * TILES + at]!);
        expect(tileAt(puzzle!, image, at)).toEqual(laid);
        expect(tileAt(answered!, image, orders[said * TILES + at]!)).toEqual(laid);
      }
    }
    const gaps = puzzle!.data.filter((value) => value === 0).length;
    expect(gaps).toBe(BATCH * 3 * (SIZE * SIZE - TILES * tile * tile));
  });

  it('come with the order in words and its confidence', async () => {
    const painted = await paint({ permutation }, saying(5));
    const { answers } = method.pictures.read!(painted);
    const inWords = (order: number) =>
      Array.from(orders.subarray(order * TILES, (order + 1) * TILES), (at) => at + 1).join(' ');
    const confidence = Math.exp(4) / (Math.exp(4) + PERMUTATIONS - 1);
    answers!.forEach((answer, image) => {
      expect(answer).toMatchObject({ truth: inWords(permutation[image]!), guess: inWords(5) });
      expect(answer.confidence).toBeCloseTo(confidence, 5);
    });
    expect(painted.loss!.data[1]).toBeCloseTo(-Math.log(confidence), 5);
  });

  it('come with the loss of each image, whose mean is the batch’s', async () => {
    const { loss } = await paint();
    expect((loss!.data[0]! + loss!.data[1]! + loss!.data[2]!) / 3).toBeCloseTo(await lossOf(), 5);
  });

  it('are the same on the compiled engine', async () => {
    const compiled = await evaluate((p, i) => method.pictures.paint(p, i), params, inputsWith(), 'onnx');
    const eager = await paint();
    expect(Object.keys(compiled).sort()).toEqual(Object.keys(eager).sort());
    for (const [name, { data }] of Object.entries(eager)) {
      data.forEach((value, i) => expect(compiled[name]!.data[i]).toBeCloseTo(value, 4));
    }
  });
});

it('trains a residual network, whose running statistics move', async () => {
  const own = createMethod(configOf({ backbone: { type: 'resnet18', width: 4 }, permutations: 4 }), SIZE);
  const state = own.init(1);
  const inputs = withSpecs({ ...own.draw(BATCH, random(1)), images: images.data }, own.inputs(BATCH));
  const outputs = await evaluate((p, i) => ({ ...own.loss(p, i).buffers }), state, inputs, 'onnx');
  const buffers = Object.keys(state).filter((name) => name.startsWith('buffer.'));
  expect(buffers.length).toBeGreaterThan(0);
  expect(Object.keys(outputs).sort()).toEqual(buffers.sort());
  for (const name of buffers) expect(outputs[name]!.data, name).not.toEqual(state[name]!.data);
});

it('learns to order the tiles of a few images, wherever the jitter puts them', async () => {
  // Waves of another length in each image, eight puzzles of each at once.
  const waves = Float32Array.from({ length: 8 * images.data.length }, (_, i) => {
    const [image, row, column] = place(i);
    const length = 1 + (image % BATCH);
    return Math.sin(length * row * 0.4) + Math.cos(length * column * 0.3);
  });
  const right = await accuracies(method, float32([8 * BATCH, SIZE, SIZE, 3], waves), 400);
  const late = right.slice(-20).reduce((sum, share) => sum + share, 0) / 20;
  expect(late).toBeGreaterThan(0.9);
});
