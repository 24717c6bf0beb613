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

/** `source` is a wheel, which is unpacked, or a folder, which is linked to. Throws an Error that names what is wrong with it. */
export async function placeLibrary(source: string, deps: string, signal: AbortSignal): Promise<Placed> {
  if (process.platform !== 'linux') {
    throw new Error(`--libtensorflow builds on Linux only so far, not on ${process.platform}; install without it`);
  }
  const from = resolve(source);
  if (!existsSync(from)) throw new Error(`--libtensorflow: ${from} is not there`);
  await mkdir(join(deps, 'lib'), { recursive: true });
  const { layout, cuda } = statSync(from).isDirectory()
    ? await linkFolder(from, deps)
    : await unpackWheel(from, deps, signal);
  const libraries = [layout.library, layout.framework].map((path) => join(deps, 'lib', basename(path)));
  await requireArchitecture(libraries[0]!, from);
  // The names that the addon is linked by; it is then loaded by those that the libraries give themselves.
  await symlink(basename(libraries[0]!), join(deps, 'lib', 'libtensorflow.so'));
  await symlink(basename(libraries[1]!), join(deps, 'lib', 'libtensorflow_framework.so'));
  return { library: from, cuda };
}

interface Found {
  readonly layout: LibraryLayout;
  readonly cuda?: boolean;
}

async function linkFolder(from: string, deps: string): Promise<Found> {
  const layout = findLibrary(from, (path) => existsSync(join(from, path)));
  for (const path of [layout.library, layout.framework]) {
    await symlink(join(from, path), join(deps, 'lib', basename(path)));
  }
  await symlink(join(from, layout.headers), join(deps, 'include'));
  // The library looks for NVIDIA's beside the folder that it is loaded from, which is the one with the links.
  const nvidia = layout.nvidia && join(from, layout.nvidia);
  if (nvidia && existsSync(nvidia)) await symlink(nvidia, join(deps, 'nvidia'));
  const buildInfo = layout.buildInfo && (await readFile(join(from, layout.buildInfo), 'utf8').catch(() => undefined));
  return { layout, cuda: buildInfo === undefined ? undefined : usesCuda(buildInfo) };
}

async function unpackWheel(from: string, deps: string, signal: AbortSignal): Promise<Found> {
  const entries = await readZip(from, WHEEL_DIRECTORY_BYTES).catch((error: Error) => {
    throw new Error(`--libtensorflow: ${from} cannot be read as a wheel: ${error.message}`, { cause: error });
  });
  const layout = findLibrary(from, (path) => entries.has(path));
  const options = { field: '--libtensorflow', signal };
  for (const [path, part] of entries) {
    const isLibrary = path === layout.library || path === layout.framework;
    if (!isLibrary && !isHeader(path, layout)) continue;
    const to = isLibrary ? join('lib', basename(path)) : join('include', path.slice(layout.headers.length + 1));
    await mkdir(dirname(join(deps, to)), { recursive: true });
    await unpackPart(part, join(deps, to), options);
  }
  const buildInfo = layout.buildInfo === undefined ? undefined : entries.get(layout.buildInfo);
  const cuda = buildInfo && usesCuda((await readPart(buildInfo, options.field)).toString());
  return { layout, cuda };
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
