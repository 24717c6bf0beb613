import * as z from 'zod';
import { positiveInt } from '../training';

/** A decoder of methods that predict pixels, as deep as the method wants it unless told otherwise. */
export const decoderConfig = ({ depth }: { readonly depth: number }) =>
  z
    .strictObject({
      width: positiveInt.default(128).describe('Width of a decoder token; must be a multiple of `heads` and of 4.'),
      depth: positiveInt.default(depth).describe('Number of decoder blocks.'),
      heads: positiveInt.default(4).describe('Attention heads per decoder block.'),
    })
    .prefault({})
    .describe('The decoder: only for pretraining, thrown away afterwards.');

export type DecoderConfig = z.output<ReturnType<typeof decoderConfig>>;
