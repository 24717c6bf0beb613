/** Where compiled steps are kept between launches, and under which key. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Kept } from '../engine/types';
import { build } from './versions';

/**
 * The folder that TESSERA_GRAPHS names; otherwise one for the user, where this platform keeps what can be made again. Not in a
 * project, which may come from anywhere with a graph in it that somebody else made.
 */
export function graphsFolder(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  if (env.TESSERA_GRAPHS) return resolve(env.TESSERA_GRAPHS);
  const home = homedir();
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'Tessera', 'graphs');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'Tessera', 'graphs');
  return join(env.XDG_CACHE_HOME || join(home, '.cache'), 'tessera', 'graphs');
}

/**
 * How to keep a step that this program makes of `parts` and of nothing else: which step it is, and values that JSON tells apart.
 * Undefined where it runs from the sources, and does not know which build it is.
 */
export function keptStep(...parts: readonly unknown[]): Kept | undefined {
  const program = build();
  return program === undefined ? undefined : { folder: graphsFolder(), key: JSON.stringify([program, ...parts]) };
}
