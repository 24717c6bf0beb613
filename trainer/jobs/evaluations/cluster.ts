import { checkClusters, checkLabels, clusterEvaluation } from '../../evals/index';
import { SHOWN, writeClusterSheet } from '../cluster-sheet';
import { classesOf, embedBoth, type EvaluationContext } from './context';

/** k-means on the embeddings of the test images, and a sheet of the clusters. */
export async function cluster(context: EvaluationContext): Promise<void> {
  const { session, data, step, settings } = context;
  const { test } = data;
  const classes = classesOf(data);
  checkLabels(test?.labels, test?.size ?? 0, classes, 'test');
  const labelled = { ...test, labels: test.labels };
  checkClusters(settings.cluster, classes, labelled.size);
  const { pretrained, randomInit } = await embedBoth(context, ['test']);
  const input = { classes, labels: labelled.labels, pretrained: pretrained.test, randomInit: randomInit.test };
  const options = { ...settings.cluster, seed: session.config.seed, shown: SHOWN };
  const found = await clusterEvaluation(input, options, context.watch(0.5, 0.5));
  const { k = classes.length, restarts, images = labelled.size } = settings.cluster;
  const sheet = { step, settings: `k${k}-r${restarts}-n${images}` };
  context.tell(found.evaluation, await writeClusterSheet(session.directory, sheet, labelled, classes, found.clusters));
}
