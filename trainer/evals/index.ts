export { createEmbedder, NotFiniteError, type Embedder } from './embed';
export { knnEvaluation, knnPredict, type KnnOptions } from './knn';
export { fitProbe, probeEvaluation, type ProbeOptions, type ProbeResult } from './linear-probe';
export { checkLabels, checkShares, checkTrainingLabels } from './labels';
export { finetuneEvaluation, type FinetuneInput, type FinetuneOptions } from './finetune';
export { checkClusters, clusterEvaluation, type Cluster, type ClusterResult, type TestFeatures } from './clustering';
export { healthBeside, lookAtHealth, type Health, type HealthInput } from './health';
export { nearestImages, type NearestImages } from './nearest-images';
export { kmeans, type Clustering } from './kmeans';
export { compare } from './report';
export {
  fitClassifiers,
  robustnessEvaluation,
  shiftEvaluation,
  type Both,
  type Classify,
  type RobustnessResult,
} from './robustness';
export { mapEmbeddings, mapEvaluation, startFrom, type EmbeddingMap, type Place } from './map';
export { trustworthiness } from './trustworthiness';
export { tsne, type TsneMap, type TsneOptions } from './tsne';
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
