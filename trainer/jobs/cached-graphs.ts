/** Where compiled steps are kept between launches, and under which key. */
import { resolve } from 'node:path';
import type { GraphCache } from '../engine/types';
import { userFolder } from './user-folder';
import { build } from './versions';

/**
 * The folder that TESSERA_GRAPHS names; otherwise one of the user's. Not in a project, which may come from anywhere with a
 * graph in it that somebody else made.
 */
export const graphsFolder = (env = process.env, platform = process.platform): string =>
  env.TESSERA_GRAPHS ? resolve(env.TESSERA_GRAPHS) : userFolder('cache', 'graphs', env, platform);

/**
 * How to keep a step that this program makes of `parts` and of nothing else: which step it is, and values that JSON tells apart.
 * Undefined where it runs from the sources, and does not know which build it is.
 */
export function graphCache(...parts: readonly unknown[]): GraphCache | undefined {
  const program = build();
  return program === undefined ? undefined : { folder: graphsFolder(), key: JSON.stringify([program, ...parts]) };
}
