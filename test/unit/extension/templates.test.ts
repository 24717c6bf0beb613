import { describe, expect, it } from 'vitest';
import {
  encoderMillions,
  experimentText,
  freeFileName,
  guessDataSets,
  methods,
  sizes,
  type Method,
  type Size,
} from '../../../extension/templates';
import { parseExperiment } from '../../../protocol/validate';

describe('a new experiment', () => {
  describe.each(Object.keys(methods) as Method[])('by %s', (method) => {
    const everySize = Object.keys(sizes) as Size[];
    it.each([
      ['builtin:shapes', 32],
      ['my "photos"/train', 64],
      ['big', 224],
      ['mnist', 28],
      ['stl10_binary', 96],
    ])('of every size on %s is valid as it is written', (source, imageSize) => {
      for (const size of everySize) {
        const parsed = parseExperiment(experimentText({ source, imageSize }, method, size));
        expect(parsed).toMatchObject({ ok: true, config: { data: { source, imageSize }, pretrain: { method } } });
      }
    });
  });

  it('asks for class subfolders only where images lie loose', () => {
    const data = { source: 'a', imageSize: 32 };
    expect(experimentText(data, 'mae', 'tiny')).toContain('Needs class subfolders');
    expect(experimentText({ ...data, published: true }, 'mae', 'tiny')).not.toContain('ubfolders');
  });

  it('states the size of the encoder as it will be', () => {
    // 12 blocks of 192: 12 x 12 x 192^2 weights, and 4 x 4 x 3 -> 192.
    expect(encoderMillions('base')).toBeCloseTo(5.318, 3);
  });

  it('gets a file name that is free', () => {
    expect(freeFileName('mae', 'builtin:shapes', new Set())).toBe('mae-shapes.tessera.jsonc');
    expect(freeFileName('mae', 'My Photos/', new Set(['mae-my-photos.tessera.jsonc']))).toBe(
      'mae-my-photos-2.tessera.jsonc',
    );
    expect(freeFileName('dino', '.', new Set())).toBe('dino-images.tessera.jsonc');
  });
});

describe('folders that look like data sets', () => {
  it.each([
    ['a flat folder', ['photos/a.jpg', 'photos/b.jpg'], ['photos']],
    ['class subfolders', ['pets/cat/1.jpg', 'pets/dog/1.jpg'], ['pets']],
    [
      'train and test of classes',
      ['c10/train/cat/1.jpg', 'c10/train/dog/1.jpg', 'c10/test/cat/1.jpg', 'c10/test/dog/1.jpg'],
      ['c10'],
    ],
    ['train alone', ['c10/train/1.jpg'], ['c10']],
    ['the workspace itself', ['a.jpg'], ['.']],
    ['nothing', [], []],
  ])('%s', (_, paths, expected) => expect(guessDataSets(paths).map(({ folder }) => folder)).toEqual(expected));

  it('come with the most images first', () => {
    const paths = ['few/1.jpg', 'deep/many/1.jpg', 'deep/many/2.jpg'];
    expect(guessDataSets(paths)).toEqual([
      { folder: 'deep/many', images: 2 },
      { folder: 'few', images: 1 },
    ]);
  });
});
