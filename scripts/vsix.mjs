// The VSIX of one platform, with only that platform's native parts.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { buildKernels, hostTarget } from './kernels.mjs';
import { root, run } from './process.mjs';

/** Packages that stay outside the bundles because they carry native code, and what they need to run. */
const nativePackages = ['onnxruntime-node', 'onnxruntime-common', 'sharp', '@img/colour', 'detect-libc', 'semver'];

/** Only needed by an install script, by a compiler, or where VS Code has other builds (Alpine). */
const needlessFolders = ['node_modules', 'script', 'src', 'install', 'docs', '__test__', 'musl_x64', 'musl_arm64'];
const needlessFiles = /\.(map|ts|mts|cts|gyp)$/;

/** Twins of files: we import sharp, which is the .mjs, and onnxruntime-node requires the common part, which is cjs. */
/** @type {Record<string, RegExp>} */
const unused = {
  'onnxruntime-common': /^dist\/esm|^lib/,
  'onnxruntime-node': /^lib|\/libonnxruntime\.\d+\.\d.*dylib$/,
  sharp: /^dist\/.*\.cjs$/,
};

/** Builds and packs the extension and returns the VSIX's path. */
export function packageExtension(target = hostTarget) {
  const [platform = '', arch = ''] = target.split('-');
  run(process.execPath, ['esbuild.mjs', '--release']);
  if (!buildKernels(target)) throw new Error(`The VSIX for ${target} would lack the kernels of its CPU engine.`);
  stageNativePackages(platform, arch);
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

/** Copies native packages to dist/node_modules, where the bundles find them in an installed extension. @param {string} platform @param {string} arch */
function stageNativePackages(platform, arch) {
  const staged = join(root, 'dist', 'node_modules');
  rmSync(staged, { recursive: true, force: true });
  const binaries = binaryPackages(platform, arch);
  const foreign = binaries.some((name) => !existsSync(join(root, 'node_modules', name)));
  const source = foreign ? foreignInstall(platform, arch) : join(root, 'node_modules');
  for (const name of [...nativePackages, ...binaries]) {
    const folder = join(source, name);
    if (!existsSync(folder)) throw new Error(`${name} is not installed in ${source}; run npm ci.`);
    mkdirSync(join(staged, name), { recursive: true });
    cpSync(folder, join(staged, name), {
      recursive: true,
      filter: (file) => wanted(relative(folder, file).split(sep), name, platform, arch),
    });
  }
}

/** @param {string[]} path below the package's folder @param {string} name @param {string} platform @param {string} arch */
function wanted(path, name, platform, arch) {
  if (needlessFolders.includes(path[0] ?? '') || needlessFiles.test(path.at(-1) ?? '')) return false;
  if (unused[name]?.test(path.join('/'))) return false;
  if (name !== 'onnxruntime-node' || path[0] !== 'bin') return true;
  const [, , forPlatform = platform, forArch = arch] = path; // bin/napi-v6/<platform>/<arch>
  return forPlatform === platform && forArch === arch;
}

/** Of koffi, whose code is in the bundles, and of sharp; on Windows libvips is in sharp's own. @param {string} platform @param {string} arch */
function binaryPackages(platform, arch) {
  const own = [`@koromix/koffi-${platform}-${arch}`, `@img/sharp-${platform}-${arch}`];
  return platform === 'win32' ? own : [...own, `@img/sharp-libvips-${platform}-${arch}`];
}

/** npm leaves out binaries of other platforms: those are installed apart, in our versions. @param {string} platform @param {string} arch */
function foreignInstall(platform, arch) {
  const folder = join(root, 'dist', `native-${platform}-${arch}`);
  const version = (/** @type {string} */ name) =>
    JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  mkdirSync(folder, { recursive: true });
  run('npm', [
    ...['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--loglevel=error'],
    ...[`--os=${platform}`, `--cpu=${arch}`, ...(platform === 'linux' ? ['--libc=glibc'] : [])],
    ...['sharp', 'onnxruntime-node', 'koffi'].map((name) => `${name}@${version(name)}`),
  ]);
  return join(folder, 'node_modules');
}
