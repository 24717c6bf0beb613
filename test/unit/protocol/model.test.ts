import { describe, expect, it } from 'vitest';
import { modelDifference, modelOf } from '../../../protocol/model';
import { parseExperiment } from '../../../protocol/validate';

function model(pretrain: object, imageSize = 32) {
  const parsed = parseExperiment(JSON.stringify({ data: { source: 'builtin:shapes', imageSize }, pretrain }));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return modelOf(parsed.config);
}

describe('whether two configs are of one model', () => {
  const mae = { decoder: { width: 32, heads: 2 } };

  it.each([
    ['a longer training', { ...mae, steps: 7 }, { ...mae, epochs: 3, checkpointEvery: 9 }],
    ['another optimizer and other views', mae, { ...mae, optimizer: { baseLr: 1 }, transform: { crop: null } }],
    ['a size by its name', { backbone: { size: 'small' } }, { backbone: { width: 384, depth: 12, heads: 6 } }],
  ])('%s is of the same', (_, one, other) => {
    expect(modelDifference(model(one), model(other))).toBeUndefined();
    expect(modelDifference(model(other), model(one))).toBeUndefined();
  });

  it.each([
    ['the method', { method: 'simclr' }, { method: 'rotation' }, 'pretrain.method', '"simclr"', '"rotation"'],
    [
      'heads, which weights do not show',
      { backbone: { width: 32, heads: 2 } },
      { backbone: { width: 32, heads: 4 } },
      'pretrain.backbone.heads',
      '2',
      '4',
    ],
    ['those of the decoder', mae, { decoder: { width: 32, heads: 4 } }, 'pretrain.decoder.heads', '2', '4'],
    [
      'what the other has not',
      { method: 'dino', backbone: { type: 'resnet18' } },
      { method: 'dino' },
      'pretrain.backbone.type',
      '"resnet18"',
      '"vit"',
    ],
  ])('%s makes it another', (_, one, other, path, value, instead) => {
    expect(modelDifference(model(one), model(other))).toEqual({ path, value, other: instead });
  });

  it('the size of the images makes it another', () => {
    expect(modelDifference(model({}, 64), model({}))).toEqual({ path: 'data.imageSize', value: '64', other: '32' });
  });
});
