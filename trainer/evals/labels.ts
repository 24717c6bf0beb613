/** The block of the config that names the images, for messages. */
type Block = 'data' | 'transfer';

/** What there is to judge by when labels are missing. */
const WITHOUT_LABELS = 'the evaluations that need no labels: the pretext task, t-SNE, health and efficiency';

/**
 * Says what is wrong with a labelled set before anything is computed from it.
 *
 * @param labels one index into `classes` per image; undefined for data without labels, or with a single class.
 */
export function checkLabels(
  labels: Int32Array | undefined,
  images: number,
  classes: readonly string[],
  set: 'training' | 'test',
  block: Block = 'data',
): asserts labels is Int32Array {
  if (images === 0)
    throw new Error(`There are no ${set} images: check \`${block}.source\` and \`${block}.testSource\`.`);
  if (classes.length === 1) {
    throw new Error(
      `All ${set} images are of a single class ("${classes[0]}"): nothing to tell apart. Add images of a second class to \`${block}.source\`, or take ${WITHOUT_LABELS}.`,
    );
  }
  if (labels === undefined) {
    throw new Error(
      `The ${set} images have no labels, so nothing can be scored on them. Give \`${block}.source\` labels (in a folder of images, one subfolder per class), or take ${WITHOUT_LABELS}.`,
    );
  }
  if (labels.length !== images) throw new Error(`There are ${labels.length} labels for ${images} ${set} images.`);
  const wrong = labels.findIndex((label) => !(label >= 0 && label < classes.length));
  if (wrong >= 0)
    throw new Error(`The label ${labels[wrong]} of ${set} image ${wrong} is not one of ${classes.length} classes.`);
}

/** As `checkLabels` for a training set that classifiers learn from: it must show every class. */
export function checkTrainingLabels(
  labels: Int32Array | undefined,
  images: number,
  classes: readonly string[],
  block: Block = 'data',
): asserts labels is Int32Array {
  checkLabels(labels, images, classes, 'training', block);
  if (images < classes.length) {
    throw new Error(
      `There are ${images} training images for ${classes.length} classes: add images, or raise \`${block}.train\` to at least ${classes.length}.`,
    );
  }
  const seen = new Set(labels);
  const missing = classes.filter((_, label) => !seen.has(label));
  if (missing.length > 0) {
    throw new Error(
      `No training image shows ${missing.map((name) => `"${name}"`).join(', ')}: add some, or raise \`${block}.train\` so that every class is drawn.`,
    );
  }
}

/** Says which shares of the labels would leave a class without an image, where they are rounded class by class. */
export function checkShares(labels: Int32Array, shares: readonly number[], classes: readonly string[]): void {
  const sizes = new Array<number>(classes.length).fill(0);
  for (const label of labels) sizes[label]!++;
  const fewest = Math.min(...sizes);
  const share = shares.find((share) => Math.round(share * fewest) === 0);
  if (share === undefined) return;
  const name = classes[sizes.indexOf(fewest)];
  const enough = Math.ceil((0.5 / fewest) * 1e4) / 1e4;
  throw new Error(
    `${Number((share * 100).toPrecision(3))}% of the labels leave "${name}", which ${fewest} training images show, without one: use a share of at least ${enough} in \`labels\`, or add images of it.`,
  );
}
