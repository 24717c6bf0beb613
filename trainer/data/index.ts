/** The images of an experiment: opened, decoded, cached, and loaded as batches. */
export { DataError } from './errors';
export { openData, type Data, type DataOptions, type Progress } from './open';
export { evalBatches, subset, type EvalBatch, type ImageSet, type Statistics } from './set';
export { createCorrupter, corruptedPixels, type Corrupter } from './corrupter';
export { corruptions, type CorruptionName } from './corruptions/index';
export { createLoader, stepsPerEpoch, type Batch, type Loader, type LoaderOptions } from './loader';
export type { Transform, ViewSpec } from './transform';
export { encodeSheet, tile } from './sheet';
