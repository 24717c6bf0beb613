/** What of a config makes the model: to tell whether a config, a run and a checkpoint are of the same one. */
import type { ExperimentConfig } from './config';

/** A part of a config; what of it is not of the model is left out. */
export type ModelPart = Readonly<Record<string, unknown>>;

export interface ModelDifference {
  /** As in `pretrain.backbone.heads`. */
  readonly path: string;
  /** As JSON. */
  readonly value: string;
  /** What the other has in its place, as JSON; undefined where it has nothing. */
  readonly other?: string;
}

export function modelOf({ data: { imageSize }, pretrain }: ExperimentConfig): ModelPart {
  const { method } = pretrain;
  // A size is a name for width, depth and heads, which are there.
  const { size: _, ...backbone } = { size: undefined, ...pretrain.backbone };
  const decoder = 'decoder' in pretrain ? { decoder: pretrain.decoder } : {};
  return { data: { imageSize }, pretrain: { method, backbone, ...decoder } };
}

/** The first value of `model` that `other` has not. */
export function modelDifference(model: ModelPart, other: ModelPart): ModelDifference | undefined {
  const known = new Map(leavesOf(other));
  const leaf = leavesOf(model).find(([path, value]) => known.get(path) !== value);
  return leaf && { path: leaf[0], value: leaf[1], other: known.get(leaf[0]) };
}

/** The values in a part of a config as JSON, by their paths. */
function leavesOf(part: unknown, path = ''): [string, string][] {
  if (typeof part !== 'object' || part === null) return [[path, JSON.stringify(part)]];
  return Object.entries(part).flatMap(([key, value]) => leavesOf(value, path ? `${path}.${key}` : key));
}
