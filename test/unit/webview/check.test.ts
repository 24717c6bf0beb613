import { describe, expect, it } from 'vitest';
import { problemOfEmbedding, problemOfReconstruction } from '../../../webview/check';

const reconstruction = {
  step: 10,
  png: 'media/a.png',
  imageSize: 32,
  columns: ['original', 'masked', 'reconstruction', 'pasted'],
  images: [{ id: 'a.png', loss: 0.5 }],
  trueStatistics: true,
  maskRatio: 0.75,
};

const embedding = {
  step: 10,
  points: [0, 1, 2, 3],
  ids: ['a', 'b'],
  clusters: [0, 1],
  png: 'media/b.png',
  thumbnailSize: 32,
  columns: 2,
};

describe('a file that the page draws from', () => {
  it('is taken when it is whole', () => {
    expect(problemOfReconstruction(reconstruction)).toBeUndefined();
    expect(problemOfEmbedding(embedding)).toBeUndefined();
    expect(problemOfEmbedding({ ...embedding, labels: [1, 0] })).toBeUndefined();
  });

  it.each([
    [null, 'not an object'],
    ['text', 'not an object'],
    [{ ...reconstruction, png: 7 }, '`png`'],
    [{ ...reconstruction, imageSize: 0 }, '`imageSize`'],
    [{ ...reconstruction, columns: ['original'] }, '`columns`'],
    [{ ...reconstruction, images: [null] }, '`images`'],
  ])('is refused as a reconstruction with what is wrong: %j', (content, problem) =>
    expect(problemOfReconstruction(content)).toContain(problem),
  );

  it.each([
    [null, 'not an object'],
    [{ ...embedding, columns: 1.5 }, '`columns`'],
    [{ ...embedding, ids: undefined }, '`ids`'],
    [{ ...embedding, points: [0, 1, 2] }, '4 numbers in `points`'],
    [{ ...embedding, points: [0, 1, 2, null] }, '`points`'],
    [{ ...embedding, clusters: [0] }, '2 `clusters`'],
    [{ ...embedding, labels: [0] }, '2 `labels`'],
  ])('is refused as a map with what is wrong: %j', (content, problem) =>
    expect(problemOfEmbedding(content)).toContain(problem),
  );
});
