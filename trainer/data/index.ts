/** The images of an experiment: opened, decoded, cached, and loaded as batches. */
export { DataError } from './errors';
export { countImages, openData, openTestImages, type Data, type DataOptions, type Progress } from './open';
export { evalBatches, subset, type EvalBatch, type ImageSet, type Statistics } from './set';
export type { CorruptionKey } from './tasks';
export { createCorrupter, corruptedPixels, type Corrupter } from './corrupter';
export { constantsFor, corruptions, type CorruptionName, type Severity } from './corruptions/index';
export {
  createLoader,
  loaderThreads,
  startLoaderThreads,
  stepsPerEpoch,
  type Batch,
  type Loader,
  type LoaderOptions,
} from './loader';
export { viewBatches, type ViewBatchOptions } from './view-batches';
export type { Transform, ViewSpec } from './transform';
export { secondsOfViews } from './view-cost';
export { encodeSheet, tile } from './sheet';
