/** What methods say of their failing, held against their own losses when there is nothing to tell apart. */
import { describe, expect, it } from 'vitest';
import { parseExperiment } from '../../../protocol/validate';
import type { HostTensor } from '../../../trainer/engine/types';
import { createMethod } from '../../../trainer/methods';
import { random } from '../../../trainer/random/random';
import { evaluate, withSpecs } from '../nn/evaluate';

const SIZE = 12;
const BATCH = 8;
const backbone = { patchSize: 4, width: 8, depth: 1, heads: 2 };

function methodOf(pretrain: object) {
  const config = { data: { source: 'x', imageSize: SIZE }, pretrain: { backbone, batchSize: BATCH, ...pretrain } };
  const parsed = parseExperiment(JSON.stringify(config));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return createMethod(parsed.config.pretrain, SIZE);
}

/** Metrics of a first step on images that are all the same. */
async function blind(method: ReturnType<typeof methodOf>): Promise<Record<string, HostTensor>> {
  const specs = method.inputs(BATCH);
  const size = ({ shape }: { readonly shape: readonly number[] }) => shape.reduce((a, b) => a * b, 1);
  const images = Object.fromEntries(
    Object.keys(method.views).map((name) => [name, new Float32Array(size(specs[name]!)).fill(0.5)]),
  );
  const scheduled = method.scheduled?.({ step: 0, totalSteps: 100, epochSteps: 10 }) ?? {};
  const scalars = Object.fromEntries(Object.entries(scheduled).map(([name, value]) => [name, Float32Array.of(value)]));
  const pixels = { pixel_mean: Float32Array.of(0.5, 0.5, 0.5), pixel_std: Float32Array.of(0.2, 0.2, 0.2) };
  const given = { ...method.draw(BATCH, random('draws')), ...images, ...scalars, ...pixels };
  const asked = Object.fromEntries(Object.entries(given).filter(([name]) => name in specs));
  return await evaluate(
    (params, inputs) => {
      const { loss, metrics } = method.loss(params, inputs);
      return { 'train/loss': loss, ...metrics };
    },
    method.init(1),
    withSpecs(asked, specs),
  );
}

const projector = { hidden: 8, output: 4 };
const cases: readonly (readonly [name: string, pretrain: object, guess: number])[] = [
  ['SimCLR', { method: 'simclr', projector }, Math.log(2 * BATCH - 1)],
  ['MoCo v3', { method: 'moco', version: 'v3', projector, temperature: 0.2 }, 4 * 0.2 * Math.log(BATCH)],
  ['rotation', { method: 'rotation' }, Math.log(4)],
];

describe.each(cases)('%s', (_, pretrain, guess) => {
  it('knows the loss of a guess, which is what it gets when all images are the same', async () => {
    const method = methodOf(pretrain);
    const [symptom] = method.failing.symptoms;
    expect(symptom).toMatchObject({ metric: 'train/loss', side: 'above' });
    expect(symptom!.threshold / guess).toBeCloseTo(0.995, 6);
    const loss = (await blind(method))['train/loss']!.data[0]!;
    expect(loss).toBeGreaterThanOrEqual(symptom!.threshold);
  });
});

/** What the defaults have too large for a test. */
const decoder = { width: 8, depth: 1, heads: 2 };
const small: Readonly<Record<string, object>> = {
  mae: { decoder },
  inpainting: { decoder },
  jigsaw: { grid: 2, permutations: 4 },
  simclr: { projector },
  moco: { projector },
  dino: { head: { hidden: 8, bottleneck: 4, prototypes: 16 } },
};

describe('every method', () => {
  it.each(['mae', 'inpainting', 'rotation', 'jigsaw', 'colorization', 'simclr', 'moco', 'dino'])(
    '%s: names a value of the config to change, and metrics that it logs',
    async (method) => {
      const created = methodOf({ method, ...small[method] });
      const { symptoms, collapse } = created.failing;
      const logged = Object.keys(await blind(created));
      expect(symptoms.length).toBeGreaterThan(0);
      expect(collapse).toMatch(/pretrain\.\w+/);
      for (const { metric, remedy } of symptoms) {
        expect(logged).toContain(metric);
        expect(remedy).toMatch(/pretrain\.\w+/);
      }
    },
  );

  it('tells of colorization that images without colours teach it nothing', async () => {
    const method = methodOf({ method: 'colorization' });
    const few = method.failing.symptoms.find(({ metric }) => metric === 'train/colourful')!;
    expect(few).toMatchObject({ side: 'below', remedy: expect.stringContaining('data.source') as string });
    const logged = await blind(method);
    expect(logged['train/loss']!.data[0]).toBe(0);
    expect(logged['train/colourful']!.data[0]).toBeLessThanOrEqual(few.threshold);
  });

  it('blames DINO’s teacher when it is fast, and its temperature when assignments are even', () => {
    const [one, even] = methodOf({ method: 'dino', teacherMomentum: 0.5 }).failing.symptoms;
    expect(one!.remedy).toContain('raise pretrain.teacherMomentum, now 0.5');
    expect(even!.remedy).toContain('lower pretrain.teacherTemperature, which reaches 0.07');
    const [centre] = methodOf({ method: 'dino', centerMomentum: 0.99 }).failing.symptoms;
    expect(centre!.remedy).toContain('lower pretrain.centerMomentum, now 0.99');
  });
});
