/**
 * Says what is wrong with a labelled set before anything is computed from it.
 *
 * @param labels one index into `classes` per image; undefined for data without labels.
 */
export function checkLabels(
  labels: Int32Array | undefined,
  images: number,
  classes: readonly string[],
  set: 'training' | 'test',
): asserts labels is Int32Array {
  if (images === 0) throw new Error(`There are no ${set} images: check \`data.source\` and \`data.testSource\`.`);
  if (labels === undefined) {
    throw new Error(
      `The ${set} images have no labels, so nothing can be scored on them: give \`data.source\` one subfolder per class. Without labels there are the reconstructions and the embedding map with its clusters (\`pretrain.embedEvery\`).`,
    );
  }
  if (labels.length !== images) throw new Error(`There are ${labels.length} labels for ${images} ${set} images.`);
  if (classes.length < 2) {
    throw new Error(
      `The data has ${classes.length === 1 ? `one class ("${classes[0]}")` : 'no classes'}: a classifier needs two or more. Give \`data.source\` one subfolder per class.`,
    );
  }
  const wrong = labels.findIndex((label) => !(label >= 0 && label < classes.length));
  if (wrong >= 0)
    throw new Error(`The label ${labels[wrong]} of ${set} image ${wrong} is not one of ${classes.length} classes.`);
}

/** As `checkLabels` for a training set that classifiers learn from: it must show every class. */
export function checkTrainingLabels(labels: Int32Array | undefined, images: number, classes: readonly string[]): void {
  checkLabels(labels, images, classes, 'training');
  if (images < classes.length) {
    throw new Error(
      `There are ${images} training images for ${classes.length} classes: add images, or raise \`data.train\` to at least ${classes.length}.`,
    );
  }
  const seen = new Set(labels);
  const missing = classes.filter((_, label) => !seen.has(label));
  if (missing.length > 0) {
    throw new Error(
      `No training image shows ${missing.map((name) => `"${name}"`).join(', ')}: add some, or raise \`data.train\` so that every class is drawn.`,
    );
  }
}
