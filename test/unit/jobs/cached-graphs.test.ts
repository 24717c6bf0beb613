/** Where compiled steps are kept, and which of them are the same. */
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { graphsFolder, graphCache } from '../../../trainer/jobs/cached-graphs';

afterEach(() => {
  vi.unstubAllGlobals();
});

it('keeps steps where the platform keeps what can be made again, or where it is told to', () => {
  expect(graphsFolder({ TESSERA_GRAPHS: '/mine' })).toMatch(/mine$/);
  expect(graphsFolder({ XDG_CACHE_HOME: '/cache' }, 'linux')).toBe(join('/cache', 'tessera', 'graphs'));
  expect(graphsFolder({}, 'linux')).toMatch(/\.cache.tessera.graphs$/);
  expect(graphsFolder({}, 'darwin')).toMatch(/Library.Caches.Tessera.graphs$/);
  expect(graphsFolder({ LOCALAPPDATA: 'C:/Local' }, 'win32')).toMatch(/Tessera.graphs$/);
});

it('keeps a step for the same build and the same settings alone', () => {
  const keyIn = (build: string, ...parts: unknown[]) => {
    vi.stubGlobal('TESSERA_BUILD', build);
    return graphCache(...parts)!.key;
  };
  const key = keyIn('one', 'pretrain', { width: 192 }, 32);
  expect(keyIn('one', 'pretrain', { width: 192 }, 32)).toBe(key);
  expect(keyIn('two', 'pretrain', { width: 192 }, 32)).not.toBe(key);
  expect(keyIn('one', 'pretrain', { width: 384 }, 32)).not.toBe(key);
  expect(keyIn('one', 'pretrain', { width: 192 }, 64)).not.toBe(key);
});

it('keeps nothing where it runs from the sources, which may change at any time', () => {
  expect(graphCache('pretrain')).toBeUndefined();
});
