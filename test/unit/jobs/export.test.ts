import { reshape } from '@tensorflow/tfjs-core';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { ExperimentConfig } from '../../../protocol/config';
import { createEngine } from '../../../trainer/engine/index';
import type { HostTensors } from '../../../trainer/engine/types';
import { exportEncoder } from '../../../trainer/jobs/export';
import { readSafetensors } from '../../../trainer/jobs/safetensors';
import { torchvisionTensors } from '../../../trainer/jobs/export-resnet';
import { createResNet } from '../../../trainer/nn/resnet';
import { createVit } from '../../../trainer/nn/vit';
import { random } from '../../../trainer/random/random';

const folder = mkdtempSync(join(tmpdir(), 'tessera-export-'));
afterAll(() => rmSync(folder, { recursive: true }));

const size = 8;
const backbone = { type: 'vit', patchSize: 4, width: 8, depth: 2, heads: 2, mlpRatio: 2 } as const;
const config = ExperimentConfig.parse({ data: { source: 'x', imageSize: size }, pretrain: { backbone } });

/** Every parameter drawn anew, so that no bias is zero and no scale one. */
function shaken(params: HostTensors): HostTensors {
  const draws = random('shaken');
  return Object.fromEntries(
    Object.entries(params).map(([name, { shape, dtype, data }]) => [
      name,
      { shape, dtype, data: Float32Array.from(data, () => 0.5 * draws.normal()) },
    ]),
  );
}

/** timm's VisionTransformer without class token, written out with plain numbers from its documentation. */
function timmEmbedding(w: HostTensors, image: (row: number, column: number, channel: number) => number): number[] {
  const { patchSize: p, width: D, depth, heads } = backbone;
  const value = (name: string, i = 0) => w[name]!.data[i]!;
  const linear = (x: number[], name: string) => {
    const [outputs, inputs] = w[`${name}.weight`]!.shape as [number, number];
    return Array.from({ length: outputs }, (_, o) =>
      x.reduce((sum, v, i) => sum + v * value(`${name}.weight`, o * inputs + i), value(`${name}.bias`, o)),
    );
  };
  const norm = (x: number[], name: string) => {
    const mean = x.reduce((a, b) => a + b) / D;
    const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / D;
    return x.map(
      (v, i) => ((v - mean) / Math.sqrt(variance + 1e-6)) * value(`${name}.weight`, i) + value(`${name}.bias`, i),
    );
  };
  // Abramowitz and Stegun 7.1.26 is too coarse here: erf by its series.
  const erf = (x: number) => {
    let term = x;
    let sum = x;
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  };
  const gelu = (x: number) => 0.5 * x * (1 + erf(x / Math.SQRT2));
  const plus = (a: number[], b: number[]) => a.map((v, i) => v + b[i]!);

  const side = size / p;
  let tokens = Array.from({ length: side * side }, (_, n) => {
    const [top, left] = [Math.floor(n / side) * p, (n % side) * p];
    return Array.from({ length: D }, (_, d) => {
      let sum = value('patch_embed.proj.bias', d) + value('pos_embed', n * D + d);
      for (let c = 0; c < 3; c++)
        for (let r = 0; r < p; r++)
          for (let q = 0; q < p; q++)
            sum += image(top + r, left + q, c) * value('patch_embed.proj.weight', ((d * 3 + c) * p + r) * p + q);
      return sum;
    });
  });
  const d = D / heads;
  for (let i = 0; i < depth; i++) {
    const block = `blocks.${i}`;
    const qkv = tokens.map((x) => linear(norm(x, `${block}.norm1`), `${block}.attn.qkv`));
    const mixed = tokens.map((_, n) =>
      Array.from({ length: heads }, (_, h) => {
        const part = (token: number, which: number) => qkv[token]!.slice(which * D + h * d, which * D + (h + 1) * d);
        const scores = tokens.map((_, m) => part(n, 0).reduce((s, v, k) => s + v * part(m, 1)[k]!, 0) / Math.sqrt(d));
        const exps = scores.map((s) => Math.exp(s - Math.max(...scores)));
        const total = exps.reduce((a, b) => a + b);
        return Array.from({ length: d }, (_, k) => exps.reduce((s, e, m) => s + (e / total) * part(m, 2)[k]!, 0));
      }).flat(),
    );
    tokens = tokens.map((x, n) => plus(x, linear(mixed[n]!, `${block}.attn.proj`)));
    tokens = tokens.map((x) =>
      plus(x, linear(linear(norm(x, `${block}.norm2`), `${block}.mlp.fc1`).map(gelu), `${block}.mlp.fc2`)),
    );
  }
  const normed = tokens.map((x) => norm(x, 'norm'));
  return Array.from({ length: D }, (_, k) => normed.reduce((s, x) => s + x[k]!, 0) / normed.length);
}

it('the exported file, loaded by its documented names, gives the encoder’s embedding', async () => {
  const encoder = createVit({ ...backbone, imageSize: size });
  const params = shaken(encoder.init(3));
  const file = join(folder, 'encoder.safetensors');
  const facts = { config, runId: 'a-run', step: 7, normalization: { mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.1] } };
  await exportEncoder(file, { ...params, 'decoder.x': params['encoder.norm.scale']! }, facts);
  const { tensors, metadata } = await readSafetensors(file);

  const draws = random('image');
  const pixels = Float32Array.from({ length: size * size * 3 }, () => draws.normal());
  const engine = await createEngine({ engine: 'reference' });
  const state = engine.upload(params);
  const program = await engine.compile(
    (p, { images }) => ({ outputs: { embedding: encoder.embed(p, reshape(images!, [1, size, size, 3])) } }),
    { state: state.specs, inputs: { images: { shape: [1, size, size, 3], dtype: 'float32' } } },
  );
  const { embedding } = await program.run(state, { images: pixels });
  const loaded = timmEmbedding(tensors, (row, column, channel) => pixels[(row * size + column) * 3 + channel]!);
  for (const [i, value] of loaded.entries()) expect(embedding!.data[i]).toBeCloseTo(value, 4);

  expect(Object.keys(tensors).filter((name) => name.includes('decoder') || name.includes('encoder'))).toEqual([]);
  expect(JSON.parse(metadata.model!)).toMatchObject({
    img_size: 8,
    patch_size: 4,
    embed_dim: 8,
    depth: 2,
    num_heads: 2,
  });
  expect(metadata).toMatchObject({ mean: '[0.5,0.4,0.3]', std: '[0.2,0.2,0.1]', run: 'a-run', step: '7' });
});

it('a residual network goes out under torchvision’s names, its convolutions with channels first', () => {
  const encoder = createResNet({ depth: 18, stem: 'cifar', width: 2 });
  const params = encoder.init(3);
  const tensors = torchvisionTensors(params);
  expect(Object.keys(tensors)).toHaveLength(Object.keys(params).length);
  expect(Object.keys(tensors)).toEqual(
    expect.arrayContaining([
      'conv1.weight',
      ...['weight', 'bias', 'running_mean', 'running_var'].map((part) => `bn1.${part}`),
      ...['conv1.weight', 'bn1.running_var', 'conv2.weight', 'bn2.bias'].map((part) => `layer1.0.${part}`),
      ...['downsample.0.weight', 'downsample.1.running_mean'].map((part) => `layer4.0.${part}`),
    ]),
  );
  const kernel = params['encoder.stages.3.blocks.0.shortcut.conv.kernel']!;
  const weight = tensors['layer4.0.downsample.0.weight']!;
  expect([kernel.shape, weight.shape]).toEqual([
    [1, 1, 8, 16],
    [16, 8, 1, 1],
  ]);
  expect(weight.data[5 * 8 + 3]).toBe(kernel.data[3 * 16 + 5]);
  const [stem, conv1] = [params['encoder.stem.conv.kernel']!, tensors['conv1.weight']!];
  // Row 2, column 1, input 1, output 0.
  expect(conv1.data[1 * 9 + 2 * 3 + 1]).toBe(stem.data[((2 * 3 + 1) * 3 + 1) * 2]);
});
