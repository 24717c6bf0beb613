// Compiles trainer/engine/kernels into dist/kernels/<platform>-<arch>.<so|dylib|dll>, once for each instruction set that a
// processor of the target may have. This machine's own with its C compiler, another's with Zig, which compiles C for all.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, run, which } from './process.mjs';
import { systemPackages } from './system-packages.mjs';

export const hostTarget = `${process.platform}-${process.arch}`;

const sources = join(root, 'trainer', 'engine', 'kernels');
const folder = join(root, 'dist', 'kernels');

/** @type {Record<string, {set: string, flags: string[]}[]>} the names that ops.c knows, by processor */
const instructionSets = {
  x64: [
    { set: 'avx2', flags: ['-mavx2', '-mfma'] },
    { set: 'avx512', flags: ['-mavx2', '-mfma', '-mavx512f', '-mavx512dq', '-mavx512vl', '-mprefer-vector-width=512'] },
  ],
  arm64: [{ set: 'neon', flags: [] }],
};
/** @type {Record<string, {zig: string, ending: string}>} */
const platforms = {
  linux: { zig: 'linux-gnu.2.28', ending: 'so' },
  darwin: { zig: 'macos', ending: 'dylib' },
  win32: { zig: 'windows-gnu', ending: 'dll' },
};
/** @type {Record<string, string>} */
const processors = { x64: 'x86_64', arm64: 'aarch64' };

const compilers = ['cc', 'gcc', 'clang'];
const common = ['-O3', '-std=gnu11', '-ffp-contract=fast', '-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'];

/**
 * Builds the library of a target unless it is newer than its sources, and leaves no other in the folder. Where there is no
 * compiler it says so and what to do, and answers false: the engine then runs without kernels of its own, and says that.
 */
export function buildKernels(target = hostTarget) {
  const [platform = '', arch = ''] = target.split('-');
  const [sets, kind] = [instructionSets[arch], platforms[platform]];
  if (!sets || !kind) return missing(`there are none for ${target}`);
  const name = `${target}.${kind.ending}`;
  mkdirSync(folder, { recursive: true });
  for (const other of readdirSync(folder)) if (other !== name) rmSync(join(folder, other), { recursive: true });
  const library = join(folder, name);
  if (isCurrent(library)) return true;
  rmSync(library, { force: true }); // of other sources: it would not know the ops of these
  const compiler = compilerFor(platform, arch, kind.zig);
  if (typeof compiler === 'string') return missing(compiler);
  const work = mkdtempSync(join(tmpdir(), 'tessera-kernels-'));
  try {
    const [command = '', ...first] = compiler;
    const position = platform === 'win32' ? [] : ['-fPIC'];
    const objects = sets.map(({ set, flags }) => {
      const object = join(work, `${set}.o`);
      const own = [...flags, `-DKERNELS=kernels_${set}`, `-DSET=${set}`];
      run(command, [...first, ...common, ...position, ...own, '-c', join(sources, 'kernels.c'), '-o', object]);
      return object;
    });
    const made = join(work, name);
    run(command, [...first, ...common, ...position, '-shared', join(sources, 'ops.c'), ...objects, '-lm', '-o', made]);
    // On its file system first: a library that is loaded somewhere is replaced, never overwritten.
    const beside = join(root, 'dist', `${name}.${process.pid}`);
    copyFileSync(made, beside);
    renameSync(beside, library);
    return true;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Sees to a C compiler for this machine, as root on Debian; elsewhere it says which package is missing. */
export async function ensureCompiler() {
  const hasCompiler = () => compilers.some((name) => which(name) !== undefined);
  if (hasCompiler() || zigCommand()) return;
  await systemPackages([
    ['gcc', hasCompiler],
    ['libc6-dev', () => existsSync('/usr/include/stdlib.h')],
  ]);
}

/** @param {string} library */
function isCurrent(library) {
  if (!existsSync(library)) return false;
  const files = [...readdirSync(sources).map((name) => join(sources, name)), fileURLToPath(import.meta.url)];
  return files.every((file) => statSync(file).mtimeMs <= statSync(library).mtimeMs);
}

/**
 * The command that compiles for a target, or what is missing.
 * @param {string} platform @param {string} arch @param {string} zigPlatform @returns {string[] | string}
 */
function compilerFor(platform, arch, zigPlatform) {
  const own = compilers.find((name) => which(name) !== undefined);
  if (`${platform}-${arch}` === hostTarget && own !== undefined) return [own];
  const zig = zigCommand();
  if (zig) return [...zig, 'cc', '-target', `${processors[arch]}-${zigPlatform}`];
  return `${platform}-${arch}` === hostTarget
    ? 'there is no C compiler on PATH; install gcc or clang'
    : 'another platform takes Zig on PATH; python3 -m pip install ziglang';
}

/** Of Zig, which also compiles C for other platforms. */
function zigCommand() {
  return [['zig'], ['python3', '-m', 'ziglang']].find(([command = '', ...args]) => {
    return spawnSync(command, [...args, 'version'], { stdio: 'ignore' }).status === 0;
  });
}

/** @param {string} why */
function missing(why) {
  console.warn(`The CPU engine is built without kernels of its own, and will be slower: ${why}.`);
  return false;
}
