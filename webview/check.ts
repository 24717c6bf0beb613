/**
 * Files of a run directory can be cut short or made by something else. What the page draws from is checked first;
 * the answer is what is wrong with it, or undefined.
 */
import type {
  ClusterFile,
  EmbeddingFile,
  HealthFile,
  NeighboursFile,
  PicturesFile,
  ProbeFile,
  RobustnessFile,
  Similarities,
} from '../protocol/events';

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;
const isText = (value: unknown): value is string => typeof value === 'string';
const isList = (value: unknown, of: (item: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.every(of);

type Loose<T> = { readonly [K in keyof T]?: unknown } | null;

export function problemOfPictures(content: unknown): string | undefined {
  const file = content as Loose<PicturesFile>;
  if (!file || typeof file !== 'object') return 'is not an object';
  if (!isText(file.png)) return 'names no picture in `png`';
  if (!isCount(file.imageSize)) return 'has no image size in `imageSize`';
  if (!isList(file.columns, isText) || file.columns.length === 0) return 'names no `columns`';
  if (!isList(file.images, (image) => isText((image as { id?: unknown } | null)?.id))) return 'lists no `images`';
  if (!isText(file.title) || !isText(file.note)) return 'says nothing in `title` and `note`';
  return problemOfRelations(file);
}

function problemOfRelations({ similarities, distributions }: NonNullable<Loose<PicturesFile>>): string | undefined {
  if (similarities !== undefined) {
    const { labels, values } = (similarities ?? {}) as Loose<Similarities> & object;
    if (!isList(labels, isText) || !isList(values, Number.isFinite) || values.length !== labels.length ** 2)
      return 'has no square matrix in `similarities`';
  }
  const isDistribution = (item: unknown) => isList((item as { values?: unknown } | null)?.values, Number.isFinite);
  if (distributions !== undefined && !isList(distributions, isDistribution)) return 'has no numbers in `distributions`';
  return undefined;
}

export function problemOfEmbedding(content: unknown): string | undefined {
  const file = content as Loose<EmbeddingFile>;
  if (!file || typeof file !== 'object') return 'is not an object';
  if (!isText(file.sheet) || !isCount(file.thumbnailSize) || !isCount(file.columns))
    return 'does not say where its thumbnails are (`sheet`, `thumbnailSize`, `columns`)';
  if (!isList(file.ids, isText)) return 'lists no `ids`';
  const count = file.ids.length;
  if (!isList(file.points, Number.isFinite) || file.points.length !== 2 * count)
    return `should have ${2 * count} numbers in \`points\`, two for each id`;
  if (!isList(file.clusters, Number.isInteger) || file.clusters.length !== count)
    return `should have ${count} \`clusters\`, one for each id`;
  if (file.labels !== undefined && (!isList(file.labels, Number.isInteger) || file.labels.length !== count))
    return `should have ${count} \`labels\`, one for each id`;
  return undefined;
}

export function problemOfClusters(content: unknown): string | undefined {
  const file = content as Loose<ClusterFile>;
  if (!file || typeof file !== 'object') return 'is not an object';
  if (!isText(file.png) || !isCount(file.tileSize) || !isCount(file.columns))
    return 'does not say where its pictures are (`png`, `tileSize`, `columns`)';
  if (!isList(file.classes, isText)) return 'names no `classes`';
  const classes = file.classes.length;
  const isImage = (image: unknown) => {
    const { id, label, distance } = (image ?? {}) as Record<string, unknown>;
    return isText(id) && Number.isInteger(label) && Number.isFinite(distance);
  };
  const isCluster = (cluster: unknown) => {
    const { match, counts, images } = (cluster ?? {}) as Record<string, unknown>;
    const isMatched = match === undefined || Number.isInteger(match);
    return isMatched && isList(counts, Number.isInteger) && counts.length === classes && isList(images, isImage);
  };
  if (!isList(file.clusters, isCluster))
    return `has something else than clusters of ${classes} classes in \`clusters\``;
  return undefined;
}

export function problemOfRobustness(content: unknown): string | undefined {
  const file = content as Loose<RobustnessFile>;
  if (!file || typeof file !== 'object') return 'is not an object';
  if (!isText(file.png) || !isCount(file.tileSize)) return 'does not say where its pictures are (`png`, `tileSize`)';
  if (!isList(file.severities, isCount) || file.severities.length === 0) return 'names no `severities`';
  if (!isCount(file.testImages)) return 'has no number of images in `testImages`';
  const { score, baseline } = (file.clean ?? {}) as Record<string, unknown>;
  if (!Number.isFinite(score) || !Number.isFinite(baseline)) return 'has no accuracies in `clean`';
  const count = file.severities.length;
  const isEach = (list: unknown) => isList(list, Number.isFinite) && list.length === count;
  const isCorruption = (corruption: unknown) => {
    const { name, group, scores, baselines } = (corruption ?? {}) as Record<string, unknown>;
    return isText(name) && isText(group) && isEach(scores) && isEach(baselines);
  };
  if (!isList(file.corruptions, isCorruption) || file.corruptions.length === 0)
    return `has something else than corruptions at ${count} severities in \`corruptions\``;
  return undefined;
}

export function problemOfHealth(content: unknown): string | undefined {
  const file = content as Loose<HealthFile>;
  if (!file || typeof file !== 'object') return 'is not an object';
  const isLayer = (layer: unknown) => {
    const { rank, width } = (layer ?? {}) as Record<string, unknown>;
    return Number.isFinite(rank) && isCount(width);
  };
  const isEncoder = (encoder: unknown) => {
    const { name, singularValues, layers } = (encoder ?? {}) as Record<string, unknown>;
    return isText(name) && isList(singularValues, Number.isFinite) && isList(layers, isLayer) && layers.length > 0;
  };
  if (!isList(file.encoders, isEncoder) || file.encoders.length === 0)
    return 'has something else than encoders with `singularValues` and `layers` in `encoders`';
  return undefined;
}

export function problemOfProbe(content: unknown): string | undefined {
  const file = content as Loose<ProbeFile>;
  if (!file || typeof file !== 'object') return 'is not an object';
  if (!isText(file.png)) return 'does not say where its picture is (`png`)';
  if (!isList(file.classes, isText) || file.classes.length === 0) return 'names no `classes`';
  const cells = file.classes.length ** 2;
  const isMatrix = (counts: unknown) => isList(counts, Number.isInteger) && counts.length === cells;
  const { counts } = (file.baseline ?? {}) as Record<string, unknown>;
  if (!isMatrix(file.counts) || !isMatrix(counts)) return `has something else than ${cells} counts in \`counts\``;
  return undefined;
}

export function problemOfNeighbours(content: unknown): string | undefined {
  const file = content as Loose<NeighboursFile>;
  if (!file || typeof file !== 'object') return 'is not an object';
  if (!isText(file.png) || !isCount(file.tileSize) || !isCount(file.columns))
    return 'does not say where its pictures are (`png`, `tileSize`, `columns`)';
  if (!isList(file.classes, isText)) return 'names no `classes`';
  const isNeighbour = (neighbour: unknown) => {
    const { id, label, similarity } = (neighbour ?? {}) as Record<string, unknown>;
    return isText(id) && Number.isInteger(label) && Number.isFinite(similarity);
  };
  const isImage = (image: unknown) => {
    const { id, label, guess, neighbours } = (image ?? {}) as Record<string, unknown>;
    return isText(id) && Number.isInteger(label) && Number.isInteger(guess) && isList(neighbours, isNeighbour);
  };
  if (!isList(file.images, isImage)) return 'has something else than images and their neighbours in `images`';
  return undefined;
}
