import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The folder `name` of the user's in which this platform keeps the data of programs, or a cache of what they can make again;
 * on Windows both lie together.
 */
export function userFolder(
  kind: 'data' | 'cache',
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  platform = process.platform,
): string {
  const home = homedir();
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'Tessera', name);
  if (platform === 'darwin') {
    return join(home, 'Library', kind === 'data' ? 'Application Support' : 'Caches', 'Tessera', name);
  }
  const data = env.XDG_DATA_HOME || join(home, '.local', 'share');
  return join(kind === 'data' ? data : env.XDG_CACHE_HOME || join(home, '.cache'), 'tessera', name);
}
