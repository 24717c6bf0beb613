/** Puts a TensorFlow that the user has into the `deps` folder of tfjs's Node package, where its addon is built against it. */
import { existsSync, statSync } from 'node:fs';
import { mkdir, open, readFile, symlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { readPart, unpackPart } from '../../data/packed';
import { readZip } from '../../data/zip';
import { architectureOf, findLibrary, isHeader, usesCuda, type LibraryLayout } from './library';

/** The table of contents of TensorFlow's wheels has 16,000 entries. */
const WHEEL_DIRECTORY_BYTES = 1 << 25;

export interface Placed {
  /** Where the library came from, for people. */
  readonly library: string;
  readonly cuda?: boolean;
}

/** A TensorFlow that is fit to be taken over. */
export interface Library {
  readonly from: string;
  readonly layout: LibraryLayout;
  /** Of a wheel. */
  readonly entries?: Entries;
}
type Entries = Awaited<ReturnType<typeof readZip>>;

/** `source` is a wheel or a folder. Throws an Error that names what is wrong with it. */
export async function openLibrary(source: string): Promise<Library> {
  if (process.platform !== 'linux') {
    throw new Error(`--libtensorflow builds on Linux only so far, not on ${process.platform}; install without it`);
  }
  const from = resolve(source);
  if (!existsSync(from)) throw new Error(`--libtensorflow: ${from} is not there`);
  if (statSync(from).isDirectory()) return { from, layout: findLibrary(from, (path) => existsSync(join(from, path))) };
  const entries = await readZip(from, WHEEL_DIRECTORY_BYTES).catch((error: Error) => {
    throw new Error(`--libtensorflow: ${from} cannot be read as a wheel: ${error.message}`, { cause: error });
  });
  return { from, layout: findLibrary(from, (path) => entries.has(path)), entries };
}

/** A wheel is unpacked, a folder linked to. */
export async function placeLibrary(library: Library, deps: string, signal: AbortSignal): Promise<Placed> {
  const { from, layout, entries } = library;
  await mkdir(join(deps, 'lib'), { recursive: true });
  const cuda = entries ? await unpackWheel(entries, layout, deps, signal) : await linkFolder(from, layout, deps);
  const libraries = [layout.library, layout.framework].map((path) => join(deps, 'lib', basename(path)));
  await requireArchitecture(libraries[0]!, from);
  // The names that the addon is linked by; it is then loaded by those that the libraries give themselves.
  await symlink(basename(libraries[0]!), join(deps, 'lib', 'libtensorflow.so'));
  await symlink(basename(libraries[1]!), join(deps, 'lib', 'libtensorflow_framework.so'));
  return { library: from, cuda };
}

/** Both say whether the library uses CUDA, where something tells. */
async function linkFolder(from: string, layout: LibraryLayout, deps: string): Promise<boolean | undefined> {
  for (const path of [layout.library, layout.framework]) {
    await symlink(join(from, path), join(deps, 'lib', basename(path)));
  }
  await symlink(join(from, layout.headers), join(deps, 'include'));
  // The library looks for NVIDIA's beside the folder that it is loaded from, which is the one with the links.
  const nvidia = layout.nvidia && join(from, layout.nvidia);
  if (nvidia && existsSync(nvidia)) await symlink(nvidia, join(deps, 'nvidia'));
  const buildInfo = layout.buildInfo && (await readFile(join(from, layout.buildInfo), 'utf8').catch(() => undefined));
  return buildInfo === undefined ? undefined : usesCuda(buildInfo);
}

async function unpackWheel(
  entries: Entries,
  layout: LibraryLayout,
  deps: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const options = { field: '--libtensorflow', signal };
  for (const [path, part] of entries) {
    const isLibrary = path === layout.library || path === layout.framework;
    if (!isLibrary && !isHeader(path, layout)) continue;
    const to = isLibrary ? join('lib', basename(path)) : join('include', path.slice(layout.headers.length + 1));
    await mkdir(dirname(join(deps, to)), { recursive: true });
    await unpackPart(part, join(deps, to), options);
  }
  const buildInfo = layout.buildInfo === undefined ? undefined : entries.get(layout.buildInfo);
  return buildInfo && usesCuda((await readPart(buildInfo, options.field)).toString());
}

async function requireArchitecture(library: string, from: string): Promise<void> {
  const file = await open(library, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
    const found = architectureOf(buffer.subarray(0, bytesRead));
    if (found !== process.arch) {
      throw new Error(`${from}: ${basename(library)} is for ${found}; this machine is ${process.arch}`);
    }
  } finally {
    await file.close();
  }
}
