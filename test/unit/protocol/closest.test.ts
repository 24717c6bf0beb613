import { describe, expect, it } from 'vitest';
import { closest } from '../../../protocol/closest';

describe('closest', () => {
  const keys = ['patchSize', 'width', 'depth', 'heads', 'steps'];

  it.each([
    ['pathcSize', 'patchSize'],
    ['patch_size', 'patchSize'],
    ['PATCHSIZE', 'patchSize'],
    ['witdh', 'width'],
    ['step', 'steps'],
  ])('%s was %s', (word, meant) => expect(closest(word, keys)).toBe(meant));

  it.each(['colour', 'x', '', 'learningRate'])('%j was none of them', (word) => {
    expect(closest(word, keys)).toBeUndefined();
  });
});
