export { createEmbedder, type Embedder } from './embed';
export { knnEvaluation, knnPredict, type KnnOptions } from './knn';
export { checkLabels, checkTrainingLabels } from './labels';
export type {
  Embeddings,
  FinetuneResult,
  FrozenFeatures,
  ImageBatch,
  LabelledImages,
  TrainAndTest,
  TrainBatches,
  Watch,
} from './types';
