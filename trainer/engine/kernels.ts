/** This engine's own kernels (kernels/): the library that the build makes of them for a platform, where it does. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const endings: Partial<Record<NodeJS.Platform, string>> = { linux: 'so', darwin: 'dylib', win32: 'dll' };

/** Beside the bundles, or in dist/ as seen from the sources. */
const places = ['./kernels/', '../../dist/kernels/'];

/** Undefined where they were not built. */
export function kernelsFile(): string | undefined {
  const name = `${process.platform}-${process.arch}.${endings[process.platform] ?? 'so'}`;
  const candidates = places.map((place) => fileURLToPath(new URL(place + name, import.meta.url)));
  return candidates.find((candidate) => existsSync(candidate));
}
