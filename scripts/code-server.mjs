// A real VS Code from npm packages alone, for machines on which VS Code itself cannot be downloaded: code-server,
// built once for its own Node 24 and kept in a cache folder outside node_modules (it weighs 600 MB).
import { existsSync } from 'node:fs';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alive, errorCode, runAsync, which } from './process.mjs';
import { systemPackages } from './system-packages.mjs';

const codeServerVersion = '4.139.1'; // VS Code 1.139
const nodeVersion = '24.21.0'; // the Node that this code-server asks for

/** Where code-server is, built on the first call: `{node, entry}`, to be run as `node entry ...`. */
export async function codeServer() {
  if (process.platform !== 'linux') {
    throw new Error(
      `code-server is used on Linux only; on ${process.platform} install VS Code and its \`code\` command.`,
    );
  }
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tessera');
  const folder = join(cache, `code-server-${codeServerVersion}-node-${nodeVersion}-${process.arch}`);
  await mkdir(cache, { recursive: true });
  const unlock = await lock(`${folder}.lock`);
  try {
    if (!existsSync(folder)) await build(folder);
  } finally {
    await unlock();
  }
  return { node: nodeIn(folder), entry: join(folder, 'node_modules', 'code-server', 'out', 'node', 'entry.js') };
}

/** Builds beside the final place and renames at the end: an interrupted build leaves nothing half usable. @param {string} folder */
async function build(folder) {
  await systemPackages([
    ['libkrb5-dev', () => existsSync('/usr/include/gssapi/gssapi.h')],
    ['g++', () => which('g++')],
    ['make', () => which('make')],
    ['python3', () => which('python3')],
  ]);
  console.log(`Building code-server ${codeServerVersion} into ${folder} (once, some minutes)...`);
  const started = Date.now();
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  await writeFile(join(draft, 'package.json'), JSON.stringify({ name: 'tessera-editor', private: true }));
  await npmInstall(draft, `node-linux-${process.arch}@${nodeVersion}`, process.env);
  const node = nodeIn(draft);
  await npmInstall(draft, `code-server@${codeServerVersion}`, {
    ...process.env,
    PATH: `${join(node, '..')}${delimiter}${process.env.PATH}`,
    npm_config_nodedir: join(node, '..', '..'), // headers of that Node; also overrides a nodedir of the user's .npmrc
    npm_config_unsafe_perm: 'true', // lets the install scripts run as root
  });
  await rename(draft, folder);
  console.log(`code-server is built (${Math.round((Date.now() - started) / 1000)} s).`);
}

/** @param {string} folder @param {string} what @param {NodeJS.ProcessEnv} env */
async function npmInstall(folder, what, env) {
  const args = ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error', what];
  const code = await runAsync('npm', args, {
    cwd: folder,
    env: withoutParentNpm(env),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (code !== 0) throw new Error(`npm install ${what} failed in ${folder} (exit code ${code}); its output is above.`);
}

// npm hands its own flags to scripts as npm_config_*: those of the npm that runs us are not meant for the inner one.
/** @param {NodeJS.ProcessEnv} env */
function withoutParentNpm(env) {
  const kept = ['npm_config_nodedir', 'npm_config_unsafe_perm', 'npm_config_registry', 'npm_config_cache'];
  return Object.fromEntries(
    Object.entries(env).filter(([key]) => !/^npm_/i.test(key) || kept.includes(key.toLowerCase())),
  );
}

/** @param {string} folder */
function nodeIn(folder) {
  return join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
}

/** A lock file that holds its owner's process id: a lock whose owner is gone is taken over. @param {string} file */
async function lock(file) {
  const mine = `${file}.${process.pid}`;
  await writeFile(mine, String(process.pid));
  try {
    for (let told = false; ; told = true) {
      // A hard link appears at once and whole, so a lock never lacks its owner's id.
      const taken = await link(mine, file).then(
        () => true,
        (error) => (errorCode(error) === 'EEXIST' ? false : Promise.reject(error)),
      );
      if (taken) return () => rm(file, { force: true });
      const owner = Number(await readFile(file, 'utf8').catch(() => String(process.pid)));
      if (!alive(owner)) await rm(file, { force: true });
      else {
        if (!told) console.log(`Waiting for process ${owner}, which is building code-server...`);
        await sleep(1000);
      }
    }
  } finally {
    await rm(mine, { force: true });
  }
}
