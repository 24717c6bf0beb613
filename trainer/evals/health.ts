/** The health of a representation: how embeddings spread, without a look at any label. */
import type { Evaluation } from '../../protocol/events';
import { alignment, spread, uniformity } from './geometry';
import { lidar } from './lidar';
import { covarianceEigenvalues, effectiveRank, rankMe, singularValues } from './spectrum';
import type { Embeddings } from './types';

export interface HealthInput {
  /** Of the same images after each block, the last one as the encoder embeds them. */
  readonly layers: readonly Embeddings[];
  /** Of the same fewer images, one for each random view. */
  readonly views: readonly Embeddings[];
}

export interface Health {
  /** Of the last block's embeddings, uncentred, the largest first. */
  readonly singularValues: Float64Array;
  /** By block: the effective rank of the covariance, and the width. */
  readonly layers: readonly { readonly rank: number; readonly width: number }[];
  /** By the names of an evaluation's measures. */
  readonly measures: Readonly<Record<(typeof healthMeasures)[number], number>>;
}

export const healthMeasures = ['std', 'rankme', 'effectiveRank', 'uniformity', 'alignment', 'lidar'] as const;

/**
 * Spread, RankMe, effective rank and uniformity of the embeddings, alignment of the first two views, LiDAR of all of them:
 * each as its file says. Embeddings are the encoder's; the papers of RankMe and LiDAR also look behind the projector.
 */
export function lookAtHealth({ layers, views }: HealthInput): Health {
  const embeddings = layers.at(-1)!;
  const values = singularValues(embeddings);
  const byLayer = layers.map((layer) => ({ rank: effectiveRank(covarianceEigenvalues(layer)), width: layer.width }));
  return {
    singularValues: values,
    layers: byLayer,
    measures: {
      std: spread(embeddings),
      rankme: rankMe(values),
      effectiveRank: byLayer.at(-1)!.rank,
      uniformity: uniformity(embeddings),
      alignment: alignment(views[0]!, views[1]!),
      lidar: lidar(views),
    },
  };
}

/** The measures of an encoder beside those of a random-init one. */
export function healthBeside(ours: Health, baseline: Health): NonNullable<Evaluation['measures']> {
  const beside = healthMeasures.map((name) => [
    name,
    { score: ours.measures[name], baseline: baseline.measures[name] },
  ]);
  return Object.fromEntries(beside) as NonNullable<Evaluation['measures']>;
}
