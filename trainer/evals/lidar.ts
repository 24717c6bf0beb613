import { cholesky, solveLower } from './cholesky';
import type { Points } from './distances';
import { symmetricEigenvalues } from './eigenvalues';
import { centred, gram, softCount } from './spectrum';

/** Added to the diagonal of the scatter within images, and to each share: as in the paper. */
export const LIDAR_RIDGE = 1e-4;
export const LIDAR_EPSILON = 1e-8;

/**
 * LiDAR (Thilak et al. 2023, "LiDAR: Sensing Linear Probing Performance in Joint Embedding SSL Architectures",
 * arXiv:2312.04000): the rank of linear discriminant analysis in which every image is a class of its views. With Sb the
 * covariance of the images' means and Sw that of views about theirs plus 1e-4 I, exp(-sum p log p) of
 * p = lambda / sum(lambda) + 1e-8 over the eigenvalues of Sw^-1/2 Sb Sw^-1/2. At most min(images - 1, width).
 *
 * @param views of the same images in the same order, one embedding [images, width] for each view.
 */
export function lidar(views: readonly Points[]): number {
  const { size, width } = views[0]!;
  const means = new Float64Array(size * width);
  for (const { values } of views) for (let at = 0; at < means.length; at++) means[at]! += values[at]! / views.length;

  const within = new Float64Array(width * width);
  for (const { values } of views) {
    const about = { values: means.map((mean, at) => values[at]! - mean), size, width };
    const scatter = gram(about);
    for (let at = 0; at < within.length; at++) within[at]! += scatter[at]! / (size * views.length);
  }
  for (let i = 0; i < width; i++) within[i * width + i]! += LIDAR_RIDGE;

  // With Sw = L L', Sw^-1/2 Sb Sw^-1/2 has the eigenvalues of L^-1 Sb L^-T, the covariance of the means x with L x = mean.
  const whitened = Float64Array.from(centred({ values: means, size, width }).values);
  solveLower(cholesky(within, width), width, whitened);
  const eigenvalues = symmetricEigenvalues(gram({ values: whitened, size, width }), width);
  return softCount(
    eigenvalues.map((value) => Math.max(0, value)),
    LIDAR_EPSILON,
  );
}
