// `npm run gpu-bench [-- --out FILE]`: one archive that measures a GPU machine of linux-x64 (bench/gpu.ts) and needs nothing there but
// glibc and a GPU's driver: no network, no Node, no loader of Vulkan's. There: tar xzf FILE && gpu-bench/run.sh RESULT.json [--quick].
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureInstalled } from './install.mjs';
import { buildKernels, hostTarget } from './kernels.mjs';
import { main, root, run, which } from './process.mjs';
import { stageEngine } from './vsix.mjs';

const TARGET = 'linux-x64';
/** Machines that are lent take no more in one go. */
const MOST_MIB = 60;

const runScript = `#!/bin/sh
# gpu-bench/run.sh RESULT.json [--quick] [--only TEXT] [--gpu NAME] [--limit SECONDS]: with small sizes, those
# parts whose name has the text, on that GPU, each for so long at most. What RESULT.json has already is not measured again.
here=$(cd "$(dirname "$0")" && pwd)
out=\${1:?where is the result to go? run.sh RESULT.json}
shift
exec "$here/node" "$here/gpu-bench.mjs" --out "$out" "$@"
`;

main(async () => {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'gpu-bench.tar.gz' } } });
  if (hostTarget !== TARGET)
    throw new Error(`The archive is for ${TARGET}, whose Node it takes from here; this is ${hostTarget}.`);
  ensureInstalled();
  run(process.execPath, ['esbuild.mjs', '--release']);
  if (!buildKernels(TARGET)) throw new Error('The archive would lack the kernels of the CPU engine.');
  const work = join(root, 'dist', 'gpu-bench');
  const folder = join(work, 'gpu-bench');
  rmSync(work, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, 'dist', 'gpu-bench.mjs'), join(folder, 'gpu-bench.mjs'));
  cpSync(join(root, 'dist', 'kernels'), join(folder, 'kernels'), { recursive: true });
  cpSync(join(root, 'bench', 'peers'), join(folder, 'peers'), {
    recursive: true,
    filter: (file) => !/__pycache__/.test(file),
  });
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  stageEngine(join(folder, 'node_modules'));
  stageNode(join(folder, 'node'));
  stageVulkanLoader(work, join(folder, 'vulkan'));
  writeFileSync(join(folder, 'run.sh'), runScript);
  chmodSync(join(folder, 'run.sh'), 0o755);
  const out = resolve(values.out);
  run('tar', ['-C', work, '-I', 'gzip -9', '-cf', out, 'gpu-bench']);
  const mib = statSync(out).size / 2 ** 20;
  console.log(`${out}: ${mib.toFixed(1)} MiB`);
  if (mib >= MOST_MIB) throw new Error(`The archive is to be smaller than ${MOST_MIB} MiB.`);
});

/** The one in use, without its symbols. @param {string} file */
function stageNode(file) {
  copyFileSync(realpathSync(process.execPath), file);
  if (which('strip')) run('strip', [file]);
  const { status, stderr } = spawnSync(file, ['--version'], { encoding: 'utf8', env: {} });
  if (status !== 0) throw new Error(`Node does not run from another place: ${stderr}`);
}

/** Debian's, for where there is none. @param {string} work @param {string} folder */
function stageVulkanLoader(work, folder) {
  if (!which('apt-get'))
    throw new Error("Vulkan's loader comes from Debian's package libvulkan1; there is no apt-get here.");
  const unpacked = join(work, 'libvulkan1');
  mkdirSync(unpacked);
  // As root apt would fetch as a user of its own, who may not write here.
  run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', 'libvulkan1'], { cwd: unpacked });
  const [deb = ''] = readdirSync(unpacked);
  run('dpkg-deb', ['-x', deb, '.'], { cwd: unpacked });
  mkdirSync(folder);
  const library = join(unpacked, 'usr', 'lib', 'x86_64-linux-gnu', 'libvulkan.so.1');
  copyFileSync(realpathSync(library), join(folder, 'libvulkan.so.1'));
  copyFileSync(join(unpacked, 'usr', 'share', 'doc', 'libvulkan1', 'copyright'), join(folder, 'copyright'));
}
