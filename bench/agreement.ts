/**
 * Measures of a run's own embeddings here and by scikit-learn, SciPy and NumPy: `--run DIR` names a run with a checkpoint
 * that was judged by t-SNE (`tessera evaluate --kind tsne`), whose embeddings, labels and map are taken.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkpointName, readRun } from '../client/index';
import type { EmbeddingFile } from '../protocol/events';
import { createEngine } from '../trainer/engine/index';
import { kmeans, knnPredict, trustworthiness, type Embeddings } from '../trainer/evals/index';
import { adjustedRandIndex, contingency, matchClasses, normalizedMutualInformation } from '../trainer/evals/agreement';
import { unitRows } from '../trainer/evals/distances';
import { lloyd } from '../trainer/evals/kmeans';
import { silhouette } from '../trainer/evals/silhouette';
import { rankMe, singularValues } from '../trainer/evals/spectrum';
import { choose, rowsOf, take, takeRows } from '../trainer/evals/subset';
import { divergenceOf } from '../trainer/evals/tsne';
import { readSafetensors } from '../trainer/jobs/safetensors';
import { askPeer } from './peer';

/** All pairs of so many points are looked at there, in memory. */
const SAMPLE = 5000;
const NEIGHBOURS = { k: 20, temperature: 0.07 };
const TRUSTED = 12;

interface Row {
  measure: string;
  ours: number;
  theirs: number;
  difference: number;
}

export async function agreement({ run: directory }: { readonly run?: string }): Promise<Row[]> {
  if (directory === undefined) throw new Error('Say of which run: --run DIR, one judged by t-SNE.');
  const { all, labels, map, classes } = await judged(directory);
  const engine = await createEngine({ engine: 'onnx', device: 'cpu' });
  const scratch = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  try {
    const units: Embeddings = { ...all, values: unitRows(all) };
    const k = classes;
    // Both go on from the same centres, which are no solution yet: those of a sample.
    const start = (await kmeans(part(units, choose(all.size, 500, 0, 'start')), { k, seed: 0 })).centres;
    const { clusters, inertia } = await lloyd(units, start);
    const table = contingency(clusters, labels, k, classes);
    const matches = matchClasses(table);
    const sample = choose(all.size, SAMPLE, 0, 'sample');
    const half = Int32Array.from({ length: all.size >> 1 }, (_, i) => 2 * i);
    const others = half.map((i) => i + 1);
    const known = rowsOf({ embeddings: all, labels }, half);
    const asked = rowsOf({ embeddings: all, labels }, others);
    const options = { ...NEIGHBOURS, classes };
    const share = (predictions: ArrayLike<number>, truth: Int32Array) =>
      truth.filter((label, i) => label === predictions[i]).length / truth.length;
    const sampled = Float64Array.from([...sample].flatMap((i) => [map[2 * i]!, map[2 * i + 1]!]));
    const ours: Record<string, number> = {
      'kNN accuracy': share(await knnPredict(engine, known, asked.embeddings, options), asked.labels),
      'k-means inertia': inertia,
      'Hungarian accuracy': share(Array.from(clusters, (cluster) => matches[cluster]!), labels), // prettier-ignore
      NMI: normalizedMutualInformation(table),
      ARI: adjustedRandIndex(table),
      silhouette: await silhouette(part(units, sample), take(clusters, sample), k),
      RankMe: rankMe(singularValues(all)),
      trustworthiness: await trustworthiness(engine, part(all, sample), sampled, TRUSTED),
      'KL divergence of the map': await divergenceOf(engine, all, map, 30),
    };
    const file = async (name: string, data: NodeJS.ArrayBufferView) => {
      await writeFile(join(scratch, name), data);
      return join(scratch, name);
    };
    const theirs = await askPeer<Record<string, number>>('agreement.py', {
      ...{ width: all.width, classes, ...NEIGHBOURS, trusted: TRUSTED, perplexity: 30 },
      embeddings: await file('embeddings', all.values),
      labels: await file('labels', labels),
      start: await file('start', start),
      sample: await file('sample', sample),
      map: await file('map', map),
    });
    const rows = Object.entries(ours).map(([measure, ours]) => {
      const other = theirs[measure] ?? NaN;
      return { measure, ours, theirs: other, difference: Math.abs(ours - other) };
    });
    console.table(rows);
    return rows;
  } finally {
    engine.dispose();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The newest checkpoint that a map of test images was drawn of. */
async function judged(directory: string) {
  const { evaluations } = await readRun(directory);
  const scored = evaluations.findLast(({ evaluation, file }) => evaluation.kind === 'tsne' && file !== undefined);
  if (!scored) throw new Error(`${directory} has no t-SNE map of test images: tessera evaluate --kind tsne.`);
  const drawn = JSON.parse(await readFile(join(directory, scored.file!), 'utf8')) as EmbeddingFile;
  const name = `embeddings-${checkpointName(scored.step)}.safetensors`;
  const kept = (await readdir(join(directory, 'evaluations'))).find((file) => file === name);
  if (!kept) throw new Error(`${directory} has kept no embeddings of step ${scored.step}.`);
  const { test } = (await readSafetensors(join(directory, 'evaluations', kept))).tensors;
  const [size, width] = test!.shape as [number, number];
  const { labels, classes, points } = drawn;
  if (!labels || !classes || labels.length !== size) throw new Error('The map is not of all test images with labels.');
  return {
    all: { values: test!.data as Float32Array, size, width },
    labels: Int32Array.from(labels),
    map: Float64Array.from(points),
    classes: classes.length,
  };
}

const part = ({ values, width }: Embeddings, rows: Int32Array): Embeddings => ({
  values: takeRows(values, width, rows),
  size: rows.length,
  width,
});
