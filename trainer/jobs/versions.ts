import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What made a run: this program, Node, and the packages whose arithmetic matters. */
export function versions(): Record<string, string> {
  return {
    tessera: ownVersion(),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    'onnxruntime-node': packageVersion('onnxruntime-node'),
    'onnxruntime-web': packageVersion('onnxruntime-web'),
    sharp: packageVersion('sharp'),
  };
}

/** Which build of the trainer this is: a hash of its bundle, which esbuild.mjs writes into it. Not there from the sources. */
declare const TESSERA_BUILD: string;
export const build = (): string | undefined => (typeof TESSERA_BUILD === 'undefined' ? undefined : TESSERA_BUILD);

export function ownVersion(): string {
  // From the sources the package is two folders up, from a bundle in dist/ one.
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (found.name === 'tessera' && found.version) return found.version;
    } catch {
      // Not here; look further up.
    }
  }
  return 'unknown';
}

/** The version of an installed package; "not installed" otherwise. Native packages are never bundled, so what is found is what runs. */
export function packageVersion(name: string): string {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return (JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')) as { version: string }).version;
    } catch {
      // Not in this folder.
    }
  }
  return 'not installed';
}

/** Where a bundle of this program is: beside the one that runs. */
export function bundlePath(name: 'trainer.mjs' | 'worker.mjs'): string {
  return join(dirname(fileURLToPath(import.meta.url)), name);
}
