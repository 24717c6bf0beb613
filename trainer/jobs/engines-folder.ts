/** Where engines are that were installed on demand. */
import { join, resolve } from 'node:path';
import { userFolder } from './user-folder';

/** The folder that TESSERA_ENGINES names, which is how the extension hands on its own storage; otherwise one of the user's. */
export const enginesFolder = (env = process.env, platform = process.platform): string =>
  env.TESSERA_ENGINES ? resolve(env.TESSERA_ENGINES) : userFolder('data', 'engines', env, platform);

/** Where the tensorflow engine is, or would be. */
export const tensorflowFolder = (): string => join(enginesFolder(), 'tensorflow');
