/** An installation of TensorFlow's Node package, as a folder: what must be in it, and what is missing. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** `tessera.json` in the folder: written last, so that it is only there when the rest is. */
export interface InstallManifest {
  readonly package: '@tensorflow/tfjs-node' | '@tensorflow/tfjs-node-gpu';
  readonly packageVersion: string;
  /** As "linux-x64". */
  readonly platform: string;
  /** Where TensorFlow's library came from, for people. */
  readonly library: string;
  /** Whether the library was built to use CUDA; absent when nothing says so. */
  readonly cuda?: boolean;
}

export interface TensorflowPackage {
  readonly manifest: InstallManifest;
  /** The npm package. */
  readonly root: string;
  /** The native module that binds the library to Node. */
  readonly addon: string;
}

export const MANIFEST = 'tessera.json';

/** Throws an Error that names the file that is missing or does not belong here. */
export function openPackage(folder: string): TensorflowPackage {
  const manifest = readManifest(join(folder, MANIFEST));
  const here = `${process.platform}-${process.arch}`;
  if (manifest.platform !== here) throw new Error(`${folder} was installed on ${manifest.platform}; this is ${here}`);
  const root = join(folder, 'node_modules', manifest.package);
  for (const file of ['package.json', 'dist/nodejs_kernel_backend.js', 'dist/register_all_kernels.js']) {
    requireFile(join(root, file));
  }
  const libraries = join(root, 'deps', 'lib');
  requireFile(libraries);
  for (const name of readdirSync(libraries)) requireFile(join(libraries, name));
  return { manifest, root, addon: findAddon(root) };
}

function readManifest(file: string): InstallManifest {
  requireFile(file);
  try {
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Partial<InstallManifest>;
    if (manifest.package && manifest.packageVersion && manifest.platform) return manifest as InstallManifest;
  } catch {
    // No JSON at all says the same.
  }
  throw new Error(`${file} is damaged`);
}

/** It lies in a folder that is named after the newest version of Node-API that the package knows. */
function findAddon(root: string): string {
  const built = join(root, 'lib');
  const versions = existsSync(built) ? readdirSync(built).filter((name) => name.startsWith('napi-v')) : [];
  const addon = versions.map((name) => join(built, name, 'tfjs_binding.node')).find((file) => existsSync(file));
  if (addon === undefined) throw new Error(`${join(built, 'napi-v*', 'tfjs_binding.node')} is missing`);
  return addon;
}

/** A link whose target is gone counts as missing, and its target is named. */
function requireFile(file: string): void {
  if (existsSync(file)) return;
  let target: string | undefined;
  try {
    target = readlinkSync(file);
  } catch {
    // Neither a file nor a link.
  }
  throw new Error(target === undefined ? `${file} is missing` : `${target} is gone, which ${file} leads to`);
}
