/** Where engines are that were installed on demand. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * The folder that TESSERA_ENGINES names, which is how the extension hands on its own storage; otherwise one for the user,
 * where this platform keeps the data of programs.
 */
export function enginesFolder(env: NodeJS.ProcessEnv = process.env, platform = process.platform): string {
  if (env.TESSERA_ENGINES) return resolve(env.TESSERA_ENGINES);
  const home = homedir();
  if (platform === 'win32') return join(env.LOCALAPPDATA || join(home, 'AppData', 'Local'), 'Tessera', 'engines');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Tessera', 'engines');
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'tessera', 'engines');
}

/** Where the tensorflow engine is, or would be. */
export const tensorflowFolder = (): string => join(enginesFolder(), 'tensorflow');
