import type { Random } from '../../random/random';
import type { Picture } from './picture';

export type Severity = 1 | 2 | 3 | 4 | 5;

/** A constant, or a row of them, for each severity from 1 to 5. */
type BySeverity<C> = readonly [C, C, C, C, C];

export interface Corruption {
  readonly group: 'noise' | 'blur' | 'weather' | 'digital';
  /** What becomes of a picture in 0..1; values that leave 0..1 are clamped by the caller. */
  apply(picture: Picture, severity: Severity, random: Random): Picture | Promise<Picture>;
}

interface Definition<C> {
  readonly group: Corruption['group'];
  /** The published constants for CIFAR-10-C, whose images are 32 px. */
  readonly small: BySeverity<C>;
  /** Those for ImageNet-C, whose images are 224 px. */
  readonly large: BySeverity<C>;
  readonly apply: (picture: Picture, constants: C, random: Random) => Picture | Promise<Picture>;
}

/** The largest side that is nearer to 32 px than to 224 px, in ratio. */
const LARGEST_SMALL = 84;

/** Whose constants images of a side get. */
export const constantsFor = (side: number) => (side <= LARGEST_SMALL ? 'CIFAR-10-C' : 'ImageNet-C');

export const corruption = <C>({ group, small, large, apply }: Definition<C>): Corruption => ({
  group,
  apply: (picture, severity, random) => {
    const constants = constantsFor(picture.side) === 'CIFAR-10-C' ? small : large;
    return apply(picture, constants[severity - 1] as C, random);
  },
});
