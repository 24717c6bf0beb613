// The VSIX of one platform, with only that platform's native parts.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { buildKernels, hostTarget } from './kernels.mjs';
import { root, run } from './process.mjs';

/**
 * Packages that stay outside the bundles because they carry native code or files of their own, and what they need to run.
 * WebAssembly's ONNX Runtime goes everywhere: it is 3.5 MiB, and what runs where a native library does not load.
 */
const packages = ['onnxruntime-web', 'sharp', '@img/colour', 'detect-libc', 'semver'];
const nativeRuntime = ['onnxruntime-node', 'onnxruntime-common'];

/** Only needed by an install script, by a compiler, or where VS Code has other builds (Alpine). */
const needlessFolders = ['node_modules', 'script', 'src', 'install', 'docs', '__test__', 'musl_x64', 'musl_arm64'];
const needlessFiles = /\.(map|ts|mts|cts|gyp)$/;

/** Twins of files: we import sharp, which is the .mjs, and onnxruntime-node requires the common part, which is cjs. */
/** @type {Record<string, RegExp>} */
const unused = {
  'onnxruntime-common': /^dist\/esm|^lib/,
  'onnxruntime-web': /^lib|^dist\/(?!ort-wasm-simd-threaded\.(mjs|wasm)$)/,
  'onnxruntime-node': /^lib|\/libonnxruntime\.\d+\.\d.*dylib$/,
  sharp: /^dist\/.*\.cjs$/,
};

/** Builds and packs the extension and returns the VSIX's path. */
export function packageExtension(target = hostTarget) {
  run(process.execPath, ['esbuild.mjs', '--release']);
  const place = placeOf(target);
  // On WebAssembly there is nothing that could load them.
  if (!place.hasRuntime) rmSync(join(root, 'dist', 'kernels'), { recursive: true, force: true });
  else if (!buildKernels(target)) throw new Error(`The VSIX for ${target} would lack the kernels of its CPU engine.`);
  stagePackages(target, place);
  const vsix = join(root, `tessera-${target}.vsix`);
  const vsce = join(root, 'node_modules', '@vscode', 'vsce', 'vsce');
  run(process.execPath, [
    ...[vsce, 'package', '--target', target, '--out', vsix, '--no-dependencies'],
    ...['--allow-missing-repository', '--no-rewrite-relative-links'],
  ]);
  console.log(`${basename(vsix)}: ${(statSync(vsix).size / 2 ** 20).toFixed(1)} MiB`);
  return vsix;
}

/** The VSIX that the suites run against: one that the caller has just packed (TESSERA_VSIX), or a new one. */
export function testVsix() {
  const given = process.env.TESSERA_VSIX;
  if (given === undefined || given === '') return packageExtension();
  if (!existsSync(given)) throw new Error(`TESSERA_VSIX names ${given}, which is not there.`);
  return given;
}

/** Copies packages to dist/node_modules, where the bundles find them in an installed extension. @param {string} target @param {Place} place */
function stagePackages(target, place) {
  const binaries = binaryPackages(place);
  const foreign = binaries.some((name) => !existsSync(join(root, 'node_modules', name)));
  const source = foreign ? foreignInstall(target, place) : join(root, 'node_modules');
  const names = [...packages, ...(place.hasRuntime ? nativeRuntime : []), ...binaries];
  copyPackages(names, source, join(root, 'dist', 'node_modules'), place);
}

/** Those of the onnx engine on this machine's own platform, for a program that stands alone. @param {string} folder */
export function stageEngine(folder) {
  const place = placeOf(hostTarget);
  copyPackages([...nativeRuntime, koffiBinary(place)], join(root, 'node_modules'), folder, place);
}

/** @param {readonly string[]} names @param {string} source @param {string} staged emptied first @param {Place} place */
function copyPackages(names, source, staged, place) {
  rmSync(staged, { recursive: true, force: true });
  for (const name of names) {
    const folder = join(source, name);
    if (!existsSync(folder)) throw new Error(`${name} is not installed in ${source}; run npm ci.`);
    mkdirSync(join(staged, name), { recursive: true });
    cpSync(folder, join(staged, name), {
      recursive: true,
      filter: (file) => wanted(relative(folder, file).split(sep), name, place),
    });
  }
}

/**
 * A target of VS Code's in npm's words, and whether ONNX Runtime has a native library for it.
 * @typedef {{ os: string, arch: string, libc?: string, hasRuntime: boolean }} Place
 * @param {string} target @returns {Place}
 */
function placeOf(target) {
  const [name = '', arch = ''] = target.split('-');
  const os = name === 'alpine' ? 'linux' : name;
  const library = join(root, 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6', os, arch);
  const libc = os === 'linux' ? { libc: name === 'alpine' ? 'musl' : 'glibc' } : {};
  return { os, arch, ...libc, hasRuntime: name !== 'alpine' && existsSync(library) };
}

/** @param {string[]} path below the package's folder @param {string} name @param {Place} place */
function wanted(path, name, { os, arch }) {
  if (needlessFolders.includes(path[0] ?? '') || needlessFiles.test(path.at(-1) ?? '')) return false;
  if (unused[name]?.test(path.join('/'))) return false;
  if (name !== 'onnxruntime-node' || path[0] !== 'bin') return true;
  const [, , forPlatform = os, forArch = arch] = path; // bin/napi-v6/<platform>/<arch>
  return forPlatform === os && forArch === arch;
}

/** Of koffi, whose code is in the bundles, and of sharp; on Windows libvips is in sharp's own. @param {Place} place */
function binaryPackages(place) {
  const { os, arch, libc, hasRuntime } = place;
  const koffi = hasRuntime ? [koffiBinary(place)] : [];
  const images = `${libc === 'musl' ? 'linuxmusl' : os}-${arch}`;
  const vips = os === 'win32' ? [] : [`@img/sharp-libvips-${images}`];
  return [...koffi, `@img/sharp-${images}`, ...vips];
}

/** @param {Place} place */
const koffiBinary = ({ os, arch }) => `@koromix/koffi-${os}-${arch}`;

/** npm leaves out binaries of other platforms: those are installed apart, in our versions. @param {string} target @param {Place} place */
function foreignInstall(target, { os, arch, libc, hasRuntime }) {
  const folder = join(root, 'dist', `native-${target}`);
  const version = (/** @type {string} */ name) =>
    JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  mkdirSync(folder, { recursive: true });
  run('npm', [
    ...['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--loglevel=error'],
    ...[`--os=${os}`, `--cpu=${arch}`, ...(libc ? [`--libc=${libc}`] : [])],
    ...['sharp', 'onnxruntime-web', ...(hasRuntime ? ['onnxruntime-node', 'koffi'] : [])].map(
      (name) => `${name}@${version(name)}`,
    ),
  ]);
  return join(folder, 'node_modules');
}
