/** How embeddings lie on the unit sphere: how far apart, and how near the views of one image. */
import { squaredDistance, unitRows, type Points } from './distances';

/**
 * Mean over dimensions of the standard deviation (unbiased) of the rows scaled to length 1, as a share of 1 / sqrt(width),
 * the value of directions that are spread evenly: 0 if all rows point one way (Chen and He 2021, "Exploring Simple Siamese
 * Representation Learning", section 4.1).
 */
export function spread(points: Points): number {
  const { size, width } = points;
  const units = unitRows(points);
  const mean = new Float64Array(width);
  for (let at = 0; at < units.length; at++) mean[at % width]! += units[at]! / size;
  const squares = new Float64Array(width);
  for (let at = 0; at < units.length; at++) squares[at % width]! += (units[at]! - mean[at % width]!) ** 2;
  const std = squares.reduce((sum, total) => sum + Math.sqrt(total / (size - 1)), 0) / width;
  return std * Math.sqrt(width);
}

/**
 * Alignment (Wang and Isola 2020, "Understanding Contrastive Representation Learning through Alignment and Uniformity on
 * the Hypersphere", arXiv:2005.10242): the mean squared distance of the two views of an image, rows at length 1. From 0,
 * the same, to 4, opposite.
 */
export function alignment(first: Points, second: Points): number {
  const { size } = first;
  const [a, b] = [unitPoints(first), unitPoints(second)];
  let sum = 0;
  for (let i = 0; i < size; i++) sum += squaredDistance(a, i, b, i);
  return sum / size;
}

/**
 * Uniformity (Wang and Isola 2020): log of the mean of exp(-2 |x - y|^2) over all pairs of different rows at length 1. 0 if
 * all are the same; about -4 if directions are spread evenly in many dimensions.
 */
export function uniformity(points: Points): number {
  const units = unitPoints(points);
  let sum = 0;
  for (let i = 1; i < units.size; i++) {
    for (let j = 0; j < i; j++) sum += Math.exp(-2 * squaredDistance(units, i, units, j));
  }
  return Math.log((2 * sum) / (units.size * (units.size - 1)));
}

const unitPoints = (points: Points): Points => ({ ...points, values: unitRows(points) });
