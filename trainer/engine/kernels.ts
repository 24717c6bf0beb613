/** This engine's own kernels (kernels/): the library that the build makes of them for a platform, where there is one. */
import koffi from 'koffi';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Kernels {
  readonly file: string;
  /** The instructions that they use here: "AVX-512". */
  readonly instructions: string;
}

const endings: Partial<Record<NodeJS.Platform, string>> = { linux: 'so', darwin: 'dylib', win32: 'dll' };

/** Beside the bundles, or in dist/ as seen from the sources. */
const places = ['./kernels/', '../../dist/kernels/'];

/** The kernels for this processor, or why there are none. */
export function findKernels(): Kernels | string {
  const name = `${process.platform}-${process.arch}.${endings[process.platform] ?? 'so'}`;
  const candidates = places.map((place) => fileURLToPath(new URL(place + name, import.meta.url)));
  const file = candidates.find((candidate) => existsSync(candidate));
  if (file === undefined) return `${name} was not built`;
  try {
    const instructions = koffi.load(file).func('const char *tesseraKernels()')() as string | null;
    return instructions === null ? 'this processor lacks AVX2' : { file, instructions };
  } catch (error) {
    return `${file} does not load: ${error instanceof Error ? error.message : String(error)}`;
  }
}
