import { describe, expect, it } from 'vitest';
import {
  problemOfClusters,
  problemOfEmbedding,
  problemOfHealth,
  problemOfPictures,
  problemOfRobustness,
} from '../../../webview/check';

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
  sheet: 'media/b.webp',
  thumbnailSize: 32,
  columns: 2,
};

const clusters = {
  step: 10,
  png: 'media/c.png',
  tileSize: 32,
  columns: 12,
  classes: ['cat', 'dog'],
  clusters: [{ match: 1, counts: [1, 3], images: [{ id: 'a', label: 1, distance: 0.2 }] }],
};
const [cluster] = clusters.clusters;

const robustness = {
  step: 10,
  png: 'media/r.png',
  tileSize: 32,
  testImages: 100,
  severities: [1, 5],
  clean: { score: 0.5, baseline: 0.2 },
  corruptions: [{ name: 'fog', group: 'weather', scores: [0.4, 0.3], baselines: [0.2, 0.1] }],
};
const [fog] = robustness.corruptions;
const health = {
  step: 10,
  images: 100,
  encoders: [{ name: 'pretrained', singularValues: [3, 1], layers: [{ rank: 1.5, width: 2 }] }],
};
const [encoder] = health.encoders;

describe('a file that the page draws from', () => {
  it('is taken when it is whole', () => {
    expect(problemOfPictures(pictures)).toBeUndefined();
    expect(problemOfEmbedding(embedding)).toBeUndefined();
    expect(problemOfEmbedding({ ...embedding, labels: [1, 0] })).toBeUndefined();
    expect(problemOfHealth(health)).toBeUndefined();
    expect(problemOfClusters(clusters)).toBeUndefined();
    expect(problemOfRobustness(robustness)).toBeUndefined();
    expect(problemOfClusters({ ...clusters, clusters: [{ counts: [0, 0], images: [] }] })).toBeUndefined();
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

  it.each([
    [null, 'not an object'],
    [{ ...clusters, png: undefined }, '`png`'],
    [{ ...clusters, tileSize: 0 }, '`tileSize`'],
    [{ ...clusters, classes: [1] }, '`classes`'],
    [{ ...clusters, clusters: {} }, '`clusters`'],
    [{ ...clusters, clusters: [{ ...cluster, counts: [1] }] }, '2 classes'],
    [{ ...clusters, clusters: [{ ...cluster, match: 'cat' }] }, '`clusters`'],
    [{ ...clusters, clusters: [{ ...cluster, images: [{ id: 'a', label: 0 }] }] }, '`clusters`'],
  ])('is refused as clusters with what is wrong: %j', (content, problem) =>
    expect(problemOfClusters(content)).toContain(problem),
  );

  it.each([
    [null, 'not an object'],
    [{ ...robustness, png: undefined }, '`png`'],
    [{ ...robustness, severities: [] }, '`severities`'],
    [{ ...robustness, testImages: 0 }, '`testImages`'],
    [{ ...robustness, clean: { score: 0.5 } }, '`clean`'],
    [{ ...robustness, corruptions: [] }, '`corruptions`'],
    [{ ...robustness, corruptions: [{ ...fog, scores: [0.4] }] }, '2 severities'],
    [{ ...robustness, corruptions: [{ ...fog, baselines: [0.2, null] }] }, '`corruptions`'],
  ])('is refused as accuracies under corruptions with what is wrong: %j', (content, problem) =>
    expect(problemOfRobustness(content)).toContain(problem),
  );

  it.each([
    [{ ...health, encoders: [] }, '`encoders`'],
    [{ ...health, encoders: [null] }, '`encoders`'],
    [{ ...health, encoders: [{ ...encoder, singularValues: ['many'] }] }, '`encoders`'],
    [{ ...health, encoders: [{ ...encoder, layers: [] }] }, '`encoders`'],
    [{ ...health, encoders: [{ ...encoder, layers: [{ rank: null, width: 2 }] }] }, '`encoders`'],
  ])('of health is refused when it is not: %j', (content, problem) =>
    expect(problemOfHealth(content)).toContain(problem),
  );
});
