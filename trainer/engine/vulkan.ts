/**
 * The GPUs that Vulkan's loader finds on Linux, by name, and the choice of one. The WebGPU provider itself can only be asked for
 * a fast or a frugal one, and tells of none.
 */
import koffi from 'koffi';

export interface VulkanAdapter {
  /** "NVIDIA GeForce RTX 4090" */
  readonly name: string;
  readonly type: 'other' | 'integrated' | 'discrete' | 'virtual' | 'cpu';
  /** Vendor and device as the loader takes them: "0x10de:0x2684". */
  readonly id: string;
  /** Bytes of its own memory; of one that shares the machine's, those of that which it may use. */
  readonly memory: number;
}

const types = ['other', 'integrated', 'discrete', 'virtual', 'cpu'] as const;

const INSTANCE_CREATE_INFO = 1;
/** Bytes of VkInstanceCreateInfo: a type, and all else, which may be left out, zero. */
const INFO_BYTES = 64;
/** More than VkPhysicalDeviceProperties has. */
const PROPERTIES_BYTES = 1024;
const NAME_AT = 20;
const NAME_BYTES = 256;
/** VkPhysicalDeviceMemoryProperties: 32 types of memory, and the heaps that they lie in. */
const MEMORY_BYTES = 520;
const HEAPS_AT = 264;
const HEAP_BYTES = 16;
const DEVICE_LOCAL = 1;

/** Loads the drivers, so call it only where they are known to load. Empty where there is no loader. */
export function vulkanAdapters(): VulkanAdapter[] {
  if (process.platform !== 'linux') return [];
  let library: ReturnType<typeof koffi.load>;
  try {
    library = koffi.load('libvulkan.so.1');
  } catch {
    return [];
  }
  const create = library.func('int vkCreateInstance(void *info, void *allocator, _Out_ void **instance)');
  const enumerate = library.func('int vkEnumeratePhysicalDevices(void *instance, _Inout_ uint32_t *count, void *all)');
  const describe = library.func('void vkGetPhysicalDeviceProperties(void *device, void *properties)');
  const describeMemory = library.func('void vkGetPhysicalDeviceMemoryProperties(void *device, void *properties)');
  const destroy = library.func('void vkDestroyInstance(void *instance, void *allocator)');

  const info = Buffer.alloc(INFO_BYTES);
  info.writeInt32LE(INSTANCE_CREATE_INFO);
  const instance: [unknown] = [null];
  if (create(info, null, instance) !== 0) return [];
  const count: [number] = [0];
  enumerate(instance[0], count, null);
  const handles = Buffer.alloc(8 * count[0]);
  enumerate(instance[0], count, handles);
  const adapters = Array.from({ length: count[0] }, (_, i): VulkanAdapter => {
    const handle = handles.readBigUInt64LE(8 * i);
    const properties = Buffer.alloc(PROPERTIES_BYTES);
    describe(handle, properties);
    const memory = Buffer.alloc(MEMORY_BYTES);
    describeMemory(handle, memory);
    const [vendor, device, type] = [8, 12, 16].map((at) => properties.readUInt32LE(at)) as [number, number, number];
    const name = properties.toString('utf8', NAME_AT, NAME_AT + NAME_BYTES).split('\0')[0]!;
    const id = `0x${vendor.toString(16)}:0x${device.toString(16)}`;
    return { name, type: types[type] ?? 'other', id, memory: largestHeap(memory) };
  });
  destroy(instance[0], null);
  return adapters;
}

/** Bytes of the largest heap that is the device's own. */
function largestHeap(properties: Buffer): number {
  const heaps = Array.from({ length: properties.readUInt32LE(HEAPS_AT - 4) }, (_, i) => HEAPS_AT + HEAP_BYTES * i);
  const own = heaps.filter((at) => properties.readUInt32LE(at + 8) & DEVICE_LOCAL);
  return Math.max(0, ...own.map((at) => Number(properties.readBigUInt64LE(at))));
}

export type PowerPreference = 'high-performance' | 'low-power';

export interface GpuChoice {
  readonly power: PowerPreference;
  /** Of the one that was asked for by name. */
  readonly name?: string;
}

/**
 * Which GPU to ask the provider for: `high-performance` (the default), `low-power`, or, on Linux, a part of a GPU's name. For a
 * name the loader is told which device comes first, so this must come before the provider. Throws when the name is of none or
 * of several.
 */
export function chooseGpu(wanted: string | undefined): GpuChoice {
  if (wanted === undefined || wanted === 'high-performance') return { power: 'high-performance' };
  if (wanted === 'low-power') return { power: 'low-power' };
  const adapters = vulkanAdapters();
  const named = adapters.filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()));
  const [chosen, another] = named;
  if (!chosen) {
    const known = [...adapters.map(({ name }) => name), 'high-performance', 'low-power'];
    throw new Error(`There is no GPU called "${wanted}"; there are ${known.map((name) => `"${name}"`).join(', ')}.`);
  }
  if (another && another.id !== chosen.id) {
    throw new Error(
      `Several GPUs are called "${wanted}": ${named.map(({ name }) => `"${name}"`).join(', ')}; say more.`,
    );
  }
  process.env.VK_LOADER_DEVICE_SELECT = chosen.id;
  // Among those of one kind the provider takes the first.
  return { power: chosen.type === 'integrated' ? 'low-power' : 'high-performance', name: chosen.name };
}

const preferred: Record<PowerPreference, readonly VulkanAdapter['type'][]> = {
  'high-performance': ['discrete', 'integrated', 'virtual', 'other', 'cpu'],
  'low-power': ['integrated', 'discrete', 'virtual', 'other', 'cpu'],
};

/** Bytes of the GPU that `chooseGpu` chooses; undefined where Vulkan tells of none. */
export function memoryOfGpu(wanted: string | undefined): number | undefined {
  const { power, name } = chooseGpu(wanted);
  const rank = ({ type }: VulkanAdapter) => preferred[power].indexOf(type);
  const adapters = vulkanAdapters().filter((adapter) => name === undefined || adapter.name === name);
  return adapters.toSorted((a, b) => rank(a) - rank(b))[0]?.memory;
}
