/** Engines for tests. TensorFlow is tested where TESSERA_ENGINES names a folder in which it is installed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createEngine } from '../../trainer/engine/index';
import type { Engine, EngineName, EngineOptions } from '../../trainer/engine/types';

const folder = process.env.TESSERA_ENGINES && join(process.env.TESSERA_ENGINES, 'tensorflow');

/** The engines of these that can be tested here; says which is skipped. */
export function testable<Name extends EngineName>(...names: readonly Name[]): Name[] {
  const isHere = folder !== undefined && existsSync(folder);
  if (names.some((name) => name === 'tensorflow') && !isHere) {
    console.warn('SKIPPED: the tensorflow engine, because TESSERA_ENGINES names no folder in which it is installed');
  }
  return names.filter((name) => name !== 'tensorflow' || isHere);
}

/** On the CPU, so that results are the same on every machine. */
export const testEngine = (engine: EngineName, options: EngineOptions = {}): Promise<Engine> =>
  createEngine({ engine, device: 'cpu', folder, ...options });
