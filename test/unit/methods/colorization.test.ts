import type { Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import type { HostTensor, HostTensors } from '../../../trainer/engine/types';
import { checkSet, createMethod } from '../../../trainer/methods/index';
import { colourBins, labOfRgb, rgbOfLab } from '../../../trainer/methods/lab';
import { random } from '../../../trainer/random/random';
import { evaluate, float32, withSpecs } from '../nn/evaluate';
import { readFixture } from './fixture';

const converted = async (f: (colours: Tensor) => Tensor, colours: readonly number[]) => {
  const given = { colours: float32([colours.length / 3, 3], colours) };
  return [...(await evaluate((p) => ({ out: f(p.colours!) }), given)).out!.data];
};

describe('Lab', () => {
  it.each([
    // The usual values for sRGB and D65.
    ['white', [1, 1, 1], [100, 0, 0]],
    ['black', [0, 0, 0], [0, 0, 0]],
    ['red', [1, 0, 0], [53.24, 80.09, 67.2]],
    ['green', [0, 1, 0], [87.73, -86.18, 83.18]],
    ['blue', [0, 0, 1], [32.3, 79.19, -107.86]],
    ['middle grey', [0.5, 0.5, 0.5], [53.39, 0, 0]],
  ])('of %s', async (_, rgb, lab) => {
    (await converted(labOfRgb, rgb)).forEach((value, i) => expect(Math.abs(value - lab[i]!)).toBeLessThan(0.03));
  });

  it('goes back to the same colour', async () => {
    const draws = random('colours');
    const rgb = Array.from({ length: 300 }, () => draws.uniform());
    (await converted((x) => rgbOfLab(labOfRgb(x)), rgb)).forEach((value, i) => expect(value).toBeCloseTo(rgb[i]!, 4));
  });

  it('beyond sRGB is cut off at its bounds', async () => {
    const rgb = await converted(rgbOfLab, [50, 200, 0, 50, -200, 0, 120, 0, 0]);
    for (const value of rgb) expect(value >= 0 && value <= 1).toBe(true);
  });

  it('has 261 bins on a grid of 10, those that an independent count over all colours of 8 bits finds', () => {
    const { tensors } = readFixture(new URL('../../fixtures/colorization/bins.safetensors', import.meta.url));
    const bins = colourBins(10);
    expect(bins).toHaveLength(261);
    expect(bins.flat()).toEqual([...tensors.bins!.data]);
  });

  it('differs from the grey values of sRGB by little, which is what the encoder is given instead', async () => {
    const greys = Array.from({ length: 101 }, (_, i) => i / 100);
    const lab = await converted(
      labOfRgb,
      greys.flatMap((grey) => [grey, grey, grey]),
    );
    for (const [i, grey] of greys.entries()) expect(Math.abs(lab[3 * i]! / 100 - grey)).toBeLessThan(0.034);
  });
});

const SIZE = 8;
const BATCH = 3;
const [mean, std] = [0.5, 0.25];

const configOf = (changes: object = {}) =>
  PretrainConfig.parse({
    method: 'colorization',
    backbone: { patchSize: 4, width: 8, depth: 1, heads: 2, mlpRatio: 2 },
    ...changes,
  });

/** Images [B, SIZE, SIZE, 3] of one value for each pixel and channel, as a method is given them. */
function inputsOf(colour: (image: number, row: number, column: number) => readonly number[]): HostTensors {
  const images = Array.from({ length: BATCH * SIZE * SIZE }, (_, i) =>
    colour(Math.floor(i / SIZE ** 2), Math.floor((i % SIZE ** 2) / SIZE), i % SIZE),
  );
  const data = {
    images: Float32Array.from(images.flat(), (value) => (value - mean) / std),
    pixel_mean: new Float32Array(3).fill(mean),
    pixel_std: new Float32Array(3).fill(std),
  };
  return withSpecs(data, createMethod(configOf(), SIZE).inputs(BATCH));
}

const zeros = ({ data }: HostTensor) => new Float32Array(data.length);

const coloured = inputsOf((image, row, column) => [image / 3, row / SIZE, column / SIZE]);
const grey = inputsOf((image, row) => [1, 1, 1].map(() => (image + row) / 12));

async function stepOf(changes: object, inputs: HostTensors, change: (params: HostTensors) => HostTensors = (p) => p) {
  const method = createMethod(configOf(changes), SIZE);
  const { loss, colourful, prior } = await evaluate(
    (p, given) => {
      const { loss, metrics, buffers } = method.loss(p, given);
      const prior = buffers?.['buffer.prior'];
      return { loss, colourful: metrics['train/colourful']!, ...(prior && { prior }) };
    },
    change(method.init(1)),
    inputs,
  );
  return { loss: loss!.data[0]!, colourful: colourful!.data[0]!, prior: prior && [...prior.data] };
}

describe.each(['bins', 'regression'])('with the target "%s"', (target) => {
  it('grey images are counted out of the loss', async () => {
    const mixed = inputsOf((image, row, column) =>
      image === 0 ? [0.5, 0.5, 0.5] : [image / 3, row / SIZE, column / SIZE],
    );
    const other = inputsOf((image, row, column) =>
      image === 0 ? [row / 9, row / 9, row / 9] : [image / 3, row / SIZE, column / SIZE],
    );
    const step = await stepOf({ target }, mixed);
    expect(step.colourful).toBeCloseTo(2 / 3, 6);
    expect(await stepOf({ target }, other)).toEqual(step);
    expect((await stepOf({ target }, coloured)).loss).not.toBe(step.loss);
  });

  it('a batch of greys has a loss of 0 and leaves the prior as it is', async () => {
    const step = await stepOf({ target }, grey);
    expect(step).toMatchObject({ loss: 0, colourful: 0 });
    if (step.prior) for (const share of step.prior) expect(share).toBeCloseTo(1 / 261, 8);
  });

  it('the encoder sees the lightness and nothing of the colours', async () => {
    const method = createMethod(configOf({ target }), SIZE);
    const greyOf = async (inputs: HostTensors) =>
      (await evaluate((p, given) => ({ seen: method.pictures.paint(p, given).grey! }), method.init(1), inputs)).seen!
        .data;
    // Red and a green of the same lightness, 53.24.
    const [red, green] = [inputsOf(() => [1, 0, 0]), inputsOf(() => [0, 0.5814, 0])];
    const [seenRed, seenGreen] = [await greyOf(red), await greyOf(green)];
    seenRed.forEach((value, i) => expect(value).toBeCloseTo(seenGreen[i]!, 2));
    seenRed.forEach((value) => expect(value).toBeCloseTo((0.5324 - mean) / std, 3));
  });

  it('paints the guess with the true lightness', async () => {
    const method = createMethod(configOf({ target }), SIZE);
    const params = method.init(1);
    // With its last layer at zero it guesses a colour near grey everywhere, which sRGB has at these lightnesses.
    const undecided = {
      ...params,
      'head.kernel': float32(params['head.kernel']!.shape, zeros(params['head.kernel']!)),
    };
    const middle = inputsOf((image, row, column) => [0.4 + image / 12, 0.4 + row / 40, 0.4 + column / 40]);
    const painted = await evaluate((p, given) => method.pictures.paint(p, given), undecided, middle);
    const labOf = (name: string) =>
      converted(
        labOfRgb,
        [...painted[name]!.data].map((value) => value * std + mean),
      );
    const [guess, truth] = [await labOf('guess'), await labOf('truth')];
    guess.forEach((value, i) => i % 3 === 0 && expect(value).toBeCloseTo(truth[i]!, 1));
    expect(painted.truth!.data).toEqual(middle.images!.data);
    expect(painted.loss!.shape).toEqual([BATCH]);
  });

  it('tells of each picture whether it counts: the mean of those is the loss', async () => {
    const method = createMethod(configOf({ target }), SIZE);
    const inputs = inputsOf((image, row) => (image === 0 ? [0.5, 0.5, 0.5] : [1, row / SIZE, 0]));
    const params = method.init(1);
    const { loss, counts } = await evaluate((p, given) => method.pictures.paint(p, given), params, inputs);
    expect([...counts!.data]).toEqual(Array.from({ length: BATCH }, (_, image) => (image === 0 ? 0 : 1)));
    const counted = [...loss!.data].filter((_, image) => counts!.data[image] === 1);
    const whole = await evaluate((p, given) => ({ loss: method.loss(p, given).loss }), params, inputs);
    expect(counted.reduce((sum, value) => sum + value, 0) / counted.length).toBeCloseTo(whole.loss!.data[0]!, 4);
  });
});

describe('bins', () => {
  const Q = 261;
  /** A head that says the same of every cell, whatever it sees. */
  const saying = (logits: (bin: number) => number) => (params: HostTensors) => {
    const [kernel, bias] = [params['head.kernel']!, params['head.bias']!];
    return {
      ...params,
      'head.kernel': { ...kernel, data: zeros(kernel) },
      'head.bias': { ...bias, data: Float32Array.from(bias.data, (_, i) => logits(i % Q)) },
    };
  };

  it('that are all as probable cost ln 261, before anything is known of how frequent they are', async () => {
    expect(
      (
        await stepOf(
          {},
          coloured,
          saying(() => 0),
        )
      ).loss,
    ).toBeCloseTo(Math.log(Q), 4);
  });

  it('that are rare weigh more, the more the higher `rebalance`: at 1 by the inverse of how frequent they are', async () => {
    const shares = colourBins(10).map(([a, b]) => (Math.hypot(a - 79, b + 108) < 20 ? 1 : 0.01)); // much blue
    const total = shares.reduce((sum, share) => sum + share, 0);
    const muchBlue = (params: HostTensors): HostTensors => ({
      ...saying(() => 0)(params),
      'buffer.prior': float32(
        [Q],
        shares.map((share) => share / total),
      ),
    });
    const ratio = async (rebalance: number) => {
      const [red, blue] = [inputsOf(() => [1, 0, 0]), inputsOf(() => [0, 0, 1])];
      return (await stepOf({ rebalance }, red, muchBlue)).loss / (await stepOf({ rebalance }, blue, muchBlue)).loss;
    };
    expect(await ratio(0)).toBeCloseTo(1, 4);
    expect(await ratio(0.5)).toBeGreaterThan(2);
    expect(await ratio(0.5)).toBeLessThan(50);
    expect(await ratio(1)).toBeCloseTo(100, 1);
  });

  it('follow how frequent they are, and stay a distribution', async () => {
    const { prior } = await stepOf(
      {},
      inputsOf(() => [1, 0, 0]),
    );
    expect(prior!.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    const most = colourBins(10)[prior!.indexOf(Math.max(...prior!))];
    expect(most).toEqual([80, 70]);
    expect(Math.max(...prior!)).toBeLessThan(0.02);
  });

  it('become the annealed mean: the lower the temperature, the nearer to the mode', async () => {
    const bins = colourBins(10);
    const mode = bins.findIndex(([a, b]) => a === 40 && b === 30);
    const method = (temperature: number) => createMethod(configOf({ temperature }), SIZE);
    const chroma = async (temperature: number) => {
      const own = method(temperature);
      const middle = inputsOf(() => [0.6, 0.5, 0.5]);
      const painted = await evaluate(
        (p, given) => ({ guess: own.pictures.paint(p, given).guess! }),
        saying((bin) => (bin === mode ? 6 : 0))(own.init(1)),
        middle,
      );
      const [, a, b] = await converted(
        labOfRgb,
        [...painted.guess!.data.slice(0, 3)].map((v) => v * std + mean),
      );
      return Math.hypot(a! - 40, b! - 30);
    };
    expect(await chroma(0.2)).toBeLessThan(1);
    expect(await chroma(0.95)).toBeGreaterThan(10);
  });
});

describe('the images', () => {
  it('that are all grey are refused before the first step', () => {
    const grey = { mean: [0.4, 0.4, 0.4], std: [0.2, 0.2, 0.2] };
    expect(() => checkSet(configOf(), 100, grey)).toThrow(/^pretrain\.method: .*grey; use another method/);
    expect(() => checkSet(configOf(), 100, { ...grey, mean: [0.4, 0.41, 0.4] })).not.toThrow();
    expect(() => checkSet(PretrainConfig.parse({ method: 'inpainting' }), 100, grey)).not.toThrow();
  });
});

describe('cells', () => {
  it('get the mean colour of their pixels, each in its own place', async () => {
    // Left red, right blue: a head that is right about it, cell by cell, has no loss.
    const halves = inputsOf((_image, _row, column) => (column < SIZE / 2 ? [1, 0, 0] : [0, 0, 1]));
    const lab = await converted(labOfRgb, [1, 0, 0, 0, 0, 1]);
    const method = createMethod(
      configOf({ target: 'regression', cells: 2, backbone: { patchSize: 8, width: 8, depth: 1, heads: 2 } }),
      SIZE,
    );
    const params = method.init(1);
    const [kernel, bias] = [params['head.kernel']!, params['head.bias']!];
    const [red, blue] = [lab.slice(1, 3), lab.slice(4, 6)];
    const right = [red, blue, red, blue].flat().map((value) => value / 110);
    const given = {
      ...params,
      'head.kernel': { ...kernel, data: zeros(kernel) },
      'head.bias': { ...bias, data: Float32Array.from(right) },
    };
    const { loss } = await evaluate((p, inputs) => ({ loss: method.loss(p, inputs).loss }), given, halves);
    expect(loss!.data[0]).toBeLessThan(1e-9);
  });
});
