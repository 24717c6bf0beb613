/**
 * What a process must be started with so that Vulkan finds the GPU of a machine that was set up for CUDA alone: a container often
 * has NVIDIA's libraries without Vulkan's loader, or without the file that tells the loader of them.
 */
import koffi from 'koffi';
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LOADER = 'libvulkan.so.1';
/** In the bundle, beside this program. */
const ownLoader = join(dirname(fileURLToPath(import.meta.url)), 'vulkan');

/** Where the loader looks for drivers, and one more where containers of NVIDIA's may have theirs. */
const manifestFolders = ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
const hiddenManifest = '/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json';
const libraryFolders = ['/usr/lib/x86_64-linux-gnu', '/usr/lib64', '/usr/lib', '/usr/local/nvidia/lib64', '/usr/local/nvidia/lib']; // prettier-ignore
/** Either is a Vulkan driver; the first needs X11's libraries, which a container may lack. */
const nvidiaDrivers = ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0'];

export interface VulkanSetup {
  readonly env: NodeJS.ProcessEnv;
  /** What was done beyond what the machine has, in words. */
  readonly notes: readonly string[];
}

/** Loads the loader and NVIDIA's library, but no device: nothing of this has been seen to end a process. */
export function vulkanSetup(env: NodeJS.ProcessEnv): VulkanSetup {
  const [loader, driver] = [withLoader(env), withDriver(env)];
  return {
    env: { ...env, ...loader.env, ...driver.env },
    notes: [...loader.notes, ...driver.notes],
  };
}

function withLoader(env: NodeJS.ProcessEnv): VulkanSetup {
  if (loads(LOADER)) return { env: {}, notes: [] };
  if (!existsSync(join(ownLoader, LOADER))) return { env: {}, notes: [`There is no ${LOADER}, and none was brought.`] };
  const path = [ownLoader, env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return { env: { LD_LIBRARY_PATH: path }, notes: [`There is no ${LOADER}; the one that was brought is used.`] };
}

function withDriver(env: NodeJS.ProcessEnv): VulkanSetup {
  const given = env.VK_ICD_FILENAMES ?? env.VK_DRIVER_FILES;
  if (given) return { env: {}, notes: [`Vulkan's driver is the one that the environment names: ${given}.`] };
  const manifests = manifestFolders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
  if (manifests.some((file) => /nvidia/i.test(file))) return { env: {}, notes: [] };
  if (existsSync(hiddenManifest)) {
    const note = `Vulkan's loader was told of ${hiddenManifest}, where it does not look.`;
    return { env: { VK_ICD_FILENAMES: hiddenManifest }, notes: [note] };
  }
  const there = nvidiaDrivers.flatMap((name) =>
    libraryFolders.map((folder) => join(folder, name)).filter((file) => existsSync(file)),
  );
  if (there.length === 0) return { env: {}, notes: [] };
  const library = there.find(loads);
  if (library === undefined) return { env: {}, notes: [`NVIDIA's ${there.join(' and ')} did not load.`] };
  const file = join(mkdtempSync(join(tmpdir(), 'gpu-bench-')), 'nvidia_icd.json');
  const manifest = { file_format_version: '1.0.0', ICD: { library_path: library, api_version: '1.3.0' } };
  writeFileSync(file, JSON.stringify(manifest));
  return {
    env: { VK_ICD_FILENAMES: file },
    notes: [`Vulkan's loader was told of ${library}, of which no file told it.`],
  };
}

function loads(library: string): boolean {
  try {
    koffi.load(library);
    return true;
  } catch {
    return false;
  }
}
