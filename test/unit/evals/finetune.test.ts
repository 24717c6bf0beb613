import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, HostTensors } from '../../../trainer/engine';
import { createEmbedder, finetuneEvaluation, type FinetuneOptions, type LabelledImages } from '../../../trainer/evals';
import { initHead } from '../../../trainer/evals/train-classifier';
import { createResNet } from '../../../trainer/nn/resnet';
import { createVit } from '../../../trainer/nn/vit';
import { random } from '../../../trainer/random/random';
import { enginesUnderTest, testEngine } from '../../engines';
import { collect, names } from './data';

describe.each(enginesUnderTest)('on the %s engine', (name) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await testEngine(name);
  });
  afterAll(() => engine.dispose());

  const SIDE = 8;
  const PIXELS = SIDE * SIDE * 3;
  const encoder = createVit({ imageSize: SIDE, patchSize: 4, width: 16, depth: 1, heads: 2, mlpRatio: 2 });
  const untrained = encoder.init(100);

  const options: FinetuneOptions = {
    labels: [1],
    batchSize: 16,
    steps: 40,
    layerDecay: 0.75,
    head: [],
    dropPath: 0,
    mixup: 0,
    cutmix: 0,
    switchProbability: 0.5,
    labelSmoothing: 0,
    optimizer: {
      type: 'adamw',
      baseLr: 0.1,
      minLr: 0,
      weightDecay: 0.05,
      betas: [0.9, 0.999],
      momentum: 0.9,
      warmup: 0.1,
    },
    seed: 0,
  };

  /** Noise with a tint: red, green, blue or none. */
  function picture(label: number, ...key: (string | number)[]): Float32Array {
    const draws = random('picture', ...key);
    return Float32Array.from({ length: PIXELS }, (_, at) => draws.normal() + (at % 3 === label ? 0.7 : 0));
  }

  interface Request {
    chosen: number[];
    batchSize: number;
    steps: number;
  }

  function tints({ train = 160, test = 100 } = {}): LabelledImages & { requests: Request[] } {
    const labels = (size: number) => Int32Array.from({ length: size }, (_, i) => i % 4);
    const all = { train: labels(train), test: labels(test) };
    const requests: Request[] = [];
    return {
      requests,
      classes: names(4),
      labels: all,
      imageShape: [SIDE, SIDE, 3],
      trainBatches(chosen, batchSize, steps) {
        requests.push({ chosen: [...chosen], batchSize, steps });
        let step = 0;
        return {
          next() {
            const indices = random('order', step++).permutation(chosen.length).slice(0, batchSize);
            const images = new Float32Array(batchSize * PIXELS);
            indices.forEach((at, row) => {
              const index = chosen[at]!;
              images.set(picture(all.train[index]!, 'train', index), row * PIXELS);
            });
            return Promise.resolve({ images, indices });
          },
          dispose() {},
        };
      },
      async *testBatches(batchSize) {
        for (let start = 0; start < test; start += batchSize) {
          const count = Math.min(batchSize, test - start);
          const images = new Float32Array(batchSize * PIXELS);
          for (let row = 0; row < count; row++) {
            images.set(picture(all.test[start + row]!, 'test', start + row), row * PIXELS);
          }
          yield await Promise.resolve({ images, count });
        }
      },
    };
  }

  function distance(a: HostTensors, b: HostTensors, name: string): number {
    const [x, y] = [Array.from(a[name]!.data), b[name]!.data];
    return Math.sqrt(x.reduce((sum, value, i) => sum + (value - y[i]!) ** 2, 0) / x.length);
  }

  describe('fine-tuning', () => {
    it('learns the classes with all weights and gives them back', async () => {
      const done: number[] = [];
      const data = tints();
      const input = { encoder, pretrained: untrained, data };
      const [result] = await collect(
        finetuneEvaluation(engine, input, options, { onProgress: (share) => done.push(share) }),
      );
      expect(result!.evaluation).toMatchObject({
        kind: 'finetune',
        labels: 1,
        trainImages: 160,
        testImages: 100,
        classes: 4,
        comparison: { baseline: { name: 'from scratch' } },
      });
      expect(result!.evaluation.comparison!.score.value).toBeGreaterThan(0.8);
      expect(result!.evaluation.protocol).toMatch(
        /linear head, 40 steps of 16 images.*layer decay 0.75 \(1 from scratch\)/,
      );

      const { weights } = result!;
      expect(Object.keys(weights).sort()).toEqual([...Object.keys(untrained), 'head.0.bias', 'head.0.kernel'].sort());
      expect(weights['head.0.kernel']!.shape).toEqual([16, 4]);
      for (const name of Object.keys(untrained)) expect(distance(weights, untrained, name)).toBeGreaterThan(0);

      expect(done).toEqual([...done].sort((a, b) => a - b));
      expect(done.at(-1)).toBe(1);
    });

    it('moves the running statistics of a residual network, and gives them back', async () => {
      const resnet = createResNet({ depth: 18, stem: 'cifar', width: 4 });
      const before = resnet.init(1);
      const input = { encoder: resnet, pretrained: before, data: tints() };
      const slower = { ...options, steps: 80, optimizer: { ...options.optimizer, baseLr: 0.05 } };
      const [result] = await collect(finetuneEvaluation(engine, input, slower));
      const { weights, evaluation } = result!;
      expect(evaluation.comparison!.score.value).toBeGreaterThan(0.4);
      expect(Object.keys(weights)).toEqual(expect.arrayContaining(Object.keys(before)));
      expect(distance(weights, before, 'buffer.encoder.stem.norm.mean')).toBeGreaterThan(0);
    });

    it('is above training from scratch when the encoder knows the images already', async () => {
      const data = tints();
      const [taught] = await collect(
        finetuneEvaluation(engine, { encoder, pretrained: untrained, data }, { ...options, steps: 80 }),
      );
      const pretrained = { ...taught!.weights, 'decoder.mask': untrained['encoder.norm.shift']! };
      const [again] = await collect(
        finetuneEvaluation(engine, { encoder, pretrained, data }, { ...options, steps: 5 }),
      );
      expect(again!.evaluation.comparison!.gain.value).toBeGreaterThan(0.1);
      expect(again!.evaluation.comparison!.gain.interval[0]).toBeGreaterThan(0);
      // The old head and what is not the encoder's stay behind.
      expect(again!.weights).not.toHaveProperty('decoder.mask');
    });

    it('gives the baseline the same images, batches and steps, for each share of the labels', async () => {
      const data = tints();
      const results = await collect(
        finetuneEvaluation(
          engine,
          { encoder, pretrained: untrained, data },
          { ...options, labels: [0.05, 1], steps: undefined, epochs: 0.5 },
        ),
      );
      const [few, fewScratch, all, allScratch] = data.requests;
      expect(few).toEqual(fewScratch);
      expect(all).toEqual(allScratch);
      // 5% of 160 images are fewer than a batch: the batch is what there is, and half an epoch still a step.
      expect(few).toMatchObject({ batchSize: 8, steps: 1 });
      expect(all).toMatchObject({ batchSize: 16, steps: 5 });
      expect(few!.chosen.every((index) => all!.chosen.includes(index))).toBe(true);
      expect(results.map(({ evaluation }) => evaluation.trainImages)).toEqual([8, 160]);
    });

    it('lets layers nearer to the input learn slower', async () => {
      const input = { encoder, pretrained: untrained, data: tints() };
      const moved = async (layerDecay: number) => {
        const optimizer = { ...options.optimizer, baseLr: 0.01, weightDecay: 0 };
        const [result] = await collect(
          finetuneEvaluation(engine, input, { ...options, steps: 5, layerDecay, optimizer }),
        );
        return (name: string) => distance(result!.weights, untrained, name);
      };
      const [decayed, even] = [await moved(0.1), await moved(1)];
      const ratio = (name: string) => decayed(name) / even(name);
      // Adam's steps are as long as the learning rate, whatever the gradient.
      expect(ratio('encoder.patch.kernel')).toBeGreaterThan(0.005);
      expect(ratio('encoder.patch.kernel')).toBeLessThan(0.02);
      expect(ratio('encoder.blocks.0.mlp.up.kernel')).toBeGreaterThan(0.05);
      expect(ratio('encoder.blocks.0.mlp.up.kernel')).toBeLessThan(0.2);
      expect(ratio('encoder.norm.scale')).toBeGreaterThan(0.5);
    });

    it.each([
      ['the last block', 1, ['encoder.blocks.', 'encoder.norm.', 'head.'], ['encoder.patch.']],
      ['the head alone', 0, ['head.'], ['encoder.']],
    ])('trains %s, and from scratch all weights', async (_, blocks, moving, still) => {
      const input = { encoder, pretrained: untrained, data: tints() };
      const [result] = await collect(finetuneEvaluation(engine, input, { ...options, steps: 10, blocks }));
      const { weights, evaluation } = result!;
      const start = { ...untrained, ...initHead(encoder.width, [], 4, 0) };
      for (const name of Object.keys(weights)) {
        const moved = distance(weights, start, name);
        if (moving.some((prefix) => name.startsWith(prefix))) expect(moved, name).toBeGreaterThan(0);
        else if (still.some((prefix) => name.startsWith(prefix))) expect(moved, name).toBe(0);
      }
      expect(evaluation.variant).toBe(blocks === 0 ? 'head only' : 'last block');
      expect(evaluation.protocol).toContain(blocks === 0 ? 'head only (from scratch: all weights)' : 'last block (');
      // The baseline is what it is without `blocks`.
      const [whole] = await collect(finetuneEvaluation(engine, input, { ...options, steps: 10 }));
      expect(evaluation.comparison!.baseline).toEqual(whole!.evaluation.comparison!.baseline);
    });

    it('leaves the running statistics of blocks alone that do not learn', async () => {
      const resnet = createResNet({ depth: 18, stem: 'cifar', width: 4 });
      const before = resnet.init(1);
      const input = { encoder: resnet, pretrained: before, data: tints() };
      const [result] = await collect(finetuneEvaluation(engine, input, { ...options, steps: 3, blocks: 1 }));
      const moved = (name: string) => distance(result!.weights, before, `buffer.encoder.${name}.mean`);
      expect(moved('stem.norm')).toBe(0);
      expect(moved('stages.3.blocks.0.shortcut.norm')).toBe(0);
      expect(moved('stages.3.blocks.1.norm1')).toBeGreaterThan(0);
    });

    it('learns with everything that regularises, draws the same again, and says what was on', async () => {
      const input = { encoder, pretrained: untrained, data: tints() };
      const all = { ...options, dropPath: 0.1, mixup: 0.8, cutmix: 1, labelSmoothing: 0.1, steps: 80 };
      const [result] = await collect(finetuneEvaluation(engine, input, all));
      expect(result!.evaluation.comparison!.score.value).toBeGreaterThan(0.5);
      expect(result!.evaluation.protocol).toMatch(
        /drop path 0.1, mixup 0.8, CutMix 1 in 0.5 of the batches, label smoothing 0.1$/,
      );
      expect(result!.evaluation.variant).toMatch(/^drop path 0.1, mixup 0.8, CutMix 1 .*, label smoothing 0.1$/);
      const short = { ...all, steps: 4 };
      const [once] = await collect(finetuneEvaluation(engine, input, short));
      const [again] = await collect(finetuneEvaluation(engine, { ...input, data: tints() }, short));
      expect(again!.weights).toEqual(once!.weights);
      const [plain] = await collect(finetuneEvaluation(engine, input, { ...options, steps: 4 }));
      expect(plain!.weights).not.toEqual(once!.weights);
      expect(plain!.evaluation).not.toHaveProperty('variant');
      expect(plain!.evaluation.protocol).not.toMatch(/path|mixup|CutMix|smoothing/);
    });

    it('never lets the test set near the weights', async () => {
      const honest = tints();
      const poisoned = tints();
      poisoned.labels.test.fill(0);
      const run = async (data: LabelledImages) =>
        (
          await collect(finetuneEvaluation(engine, { encoder, pretrained: untrained, data }, { ...options, steps: 5 }))
        )[0]!;
      const [a, b] = [await run(honest), await run(poisoned)];
      expect(b.weights).toEqual(a.weights);
    });

    it('takes a head of several layers', async () => {
      const input = { encoder, pretrained: untrained, data: tints() };
      const [result] = await collect(finetuneEvaluation(engine, input, { ...options, head: [12, 6], steps: 80 }));
      expect(
        Object.entries(result!.weights).flatMap(([name, { shape }]) =>
          name.startsWith('head.') ? [[name, shape]] : [],
        ),
      ).toEqual([
        ['head.0.kernel', [16, 12]],
        ['head.0.bias', [12]],
        ['head.1.kernel', [12, 6]],
        ['head.1.bias', [6]],
        ['head.2.kernel', [6, 4]],
        ['head.2.bias', [4]],
      ]);
      expect(result!.evaluation.protocol).toContain('12, 6 hidden units');
      expect(result!.evaluation.comparison!.score.value).toBeGreaterThan(0.5);
    });

    it('names the field when the loss is lost, the labels are, or too few', async () => {
      const input = { encoder, pretrained: untrained, data: tints() };
      const wild = { ...options, optimizer: { ...options.optimizer, baseLr: 1e38 } };
      await expect(collect(finetuneEvaluation(engine, input, wild))).rejects.toThrow(
        /not finite at step \d+.*finetune.optimizer.baseLr/,
      );
      const three = { ...input, data: tints({ train: 3 }) };
      await expect(collect(finetuneEvaluation(engine, three, options))).rejects.toThrow(
        '3 training images for 4 classes',
      );
      const untested = { ...input, data: tints({ test: 0 }) };
      await expect(collect(finetuneEvaluation(engine, untested, options))).rejects.toThrow('no test images');
    });

    it('stops when it is told to', async () => {
      const stop = new AbortController();
      const running = collect(
        finetuneEvaluation(engine, { encoder, pretrained: untrained, data: tints() }, options, {
          onProgress: () => stop.abort(new Error('enough')),
          signal: stop.signal,
        }),
      );
      await expect(running).rejects.toThrow('enough');
    });
  });

  describe('the embedder', () => {
    it('gives one row per image, whatever the batches, and uses only the encoder', async () => {
      const data = tints({ test: 10 });
      const state = engine.upload({ ...untrained, 'decoder.mask': untrained['encoder.norm.shift']! });
      const embed = async (batchSize: number) => {
        const embedder = await createEmbedder(engine, encoder, state.specs, [batchSize, SIDE, SIDE, 3]);
        const embeddings = await embedder.embed(state, data.testBatches(batchSize));
        embedder.dispose();
        return embeddings;
      };
      const [whole, parts] = [await embed(10), await embed(4)];
      expect([whole.size, whole.width, whole.values.length]).toEqual([10, 16, 160]);
      expect(parts.size).toBe(10);
      parts.values.forEach((value, i) => expect(value).toBeCloseTo(whole.values[i]!, 5));
      expect(new Set(whole.values).size).toBeGreaterThan(100);
      state.dispose();
    });

    it('puts the features of the last blocks side by side, the embedding last', async () => {
      const deep = createResNet({ depth: 18, stem: 'cifar', width: 4 });
      const state = engine.upload(deep.init(1));
      const embed = async (layers: number) => {
        const embedder = await createEmbedder(engine, deep, state.specs, [4, SIDE, SIDE, 3], undefined, layers);
        const embeddings = await embedder.embed(state, tints({ test: 4 }).testBatches(4));
        embedder.dispose();
        return embeddings;
      };
      const [last, three] = [await embed(1), await embed(3)];
      // 16 channels in the stage before the last one, 32 in the last.
      expect([last.width, three.width]).toEqual([32, 16 + 32 + 32]);
      for (let i = 0; i < 4; i++) {
        const own = three.values.subarray(i * 80 + 48, (i + 1) * 80);
        own.forEach((value, d) => expect(value).toBeCloseTo(last.values[i * 32 + d]!, 5));
      }
      state.dispose();
    });

    it('says so when the encoder gives what is not a number', async () => {
      const spoilt = { ...untrained };
      spoilt['encoder.norm.shift'] = { ...untrained['encoder.norm.shift']!, data: new Float32Array(16).fill(NaN) };
      const state = engine.upload(spoilt);
      const embedder = await createEmbedder(engine, encoder, state.specs, [4, SIDE, SIDE, 3]);
      await expect(embedder.embed(state, tints().testBatches(4))).rejects.toThrow('not finite (from image 0)');
      embedder.dispose();
      state.dispose();
    });
  });
});
