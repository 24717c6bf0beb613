import { describe, expect, it } from 'vitest';
import { problemOfEmbedding, problemOfPictures } from '../../../webview/check';

const pictures = {
  step: 10,
  png: 'media/a.png',
  imageSize: 32,
  title: 'Reconstructions',
  columns: ['original', 'reconstruction'],
  images: [{ id: 'a.png', loss: 0.5 }],
  note: 'Only hidden patches count.',
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
    expect(problemOfPictures(pictures)).toBeUndefined();
    expect(problemOfEmbedding(embedding)).toBeUndefined();
    expect(problemOfEmbedding({ ...embedding, labels: [1, 0] })).toBeUndefined();
  });

  it.each([
    [null, 'not an object'],
    ['text', 'not an object'],
    [{ ...pictures, png: 7 }, '`png`'],
    [{ ...pictures, imageSize: 0 }, '`imageSize`'],
    [{ ...pictures, columns: [] }, '`columns`'],
    [{ ...pictures, images: [null] }, '`images`'],
    [{ ...pictures, note: null }, '`note`'],
    [{ ...pictures, similarities: { labels: ['a', 'b'], values: [1, 0, 1] } }, '`similarities`'],
    [{ ...pictures, distributions: [{ title: 'positive' }] }, '`distributions`'],
  ])('is refused as pictures with what is wrong: %j', (content, problem) =>
    expect(problemOfPictures(content)).toContain(problem),
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
