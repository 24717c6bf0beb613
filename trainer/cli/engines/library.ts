/** TensorFlow's shared libraries and C headers in what a user has: a wheel, a site-packages folder, or the C package. Pure. */

/** Paths within the wheel or folder, with "/" between their parts. */
export interface LibraryLayout {
  /** The library with the C API, and the one that it needs. */
  readonly library: string;
  readonly framework: string;
  /** The folder of the headers. */
  readonly headers: string;
  /** A Python file that says whether the library uses CUDA. */
  readonly buildInfo?: string;
  /** Where NVIDIA's own wheels lie beside TensorFlow's. */
  readonly nvidia?: string;
}

const layouts: readonly LibraryLayout[] = [
  {
    library: 'tensorflow/libtensorflow_cc.so.2',
    framework: 'tensorflow/libtensorflow_framework.so.2',
    headers: 'tensorflow/include',
    buildInfo: 'tensorflow/python/platform/build_info.py',
    nvidia: 'nvidia',
  },
  {
    library: 'libtensorflow_cc.so.2',
    framework: 'libtensorflow_framework.so.2',
    headers: 'include',
    buildInfo: 'python/platform/build_info.py',
    nvidia: '../nvidia',
  },
  {
    library: 'lib/libtensorflow.so.2',
    framework: 'lib/libtensorflow_framework.so.2',
    headers: 'include',
  },
];

/** Files that only other platforms' wheels have. */
const foreign: readonly (readonly [string, string])[] = [
  ['libtensorflow_cc.2.dylib', 'macOS'],
  ['python/_pywrap_tensorflow_internal.pyd', 'Windows'],
  ['python/_pywrap_tensorflow_common.dll', 'Windows'],
];

/** `has` says whether a path is there. Throws an Error that says what `name` is instead of a TensorFlow of this platform. */
export function findLibrary(name: string, has: (path: string) => boolean): LibraryLayout {
  const found = layouts.find(({ library }) => has(library));
  if (found) {
    for (const file of [found.framework, `${found.headers}/tensorflow/c/eager/c_api.h`]) {
      if (!has(file)) throw new Error(`${name} has ${found.library}, but not ${file}; it is incomplete`);
    }
    return found;
  }
  for (const [file, platform] of foreign) {
    if (has(file) || has(`tensorflow/${file}`))
      throw new Error(`${name} is a TensorFlow for ${platform}; get one for Linux`);
  }
  const isTensorflow = has('tensorflow/__init__.py') || has('python/__init__.py');
  throw new Error(
    isTensorflow
      ? `${name} is a TensorFlow without libtensorflow_cc.so.2, which newer versions have; 2.21 is known to work`
      : `${name} holds no TensorFlow: there is neither tensorflow/libtensorflow_cc.so.2, as in a wheel, nor lib/libtensorflow.so.2`,
  );
}

/** Of a wheel, what a build needs of its many headers. */
export function isHeader(path: string, { headers }: LibraryLayout): boolean {
  if (!path.startsWith(`${headers}/`) || !path.endsWith('.h')) return false;
  return /^(external\/[\w.~+]+\/)?(tensorflow\/(c|core\/platform)|(xla\/)?tsl)\//.test(path.slice(headers.length + 1));
}

/** As TensorFlow's build_info.py says. */
export function usesCuda(buildInfo: string): boolean | undefined {
  const said = /'is_cuda_build', (True|False)/.exec(buildInfo)?.[1];
  return said === undefined ? undefined : said === 'True';
}

const machines: Readonly<Record<number, string>> = { 0x03: 'ia32', 0x28: 'arm', 0x3e: 'x64', 0xb7: 'arm64' };

/** The processor that a shared library is for, in Node's words, from its first 20 bytes (ELF, e_machine). */
export function architectureOf(header: Buffer): string {
  if (header.length < 20 || header.toString('latin1', 0, 4) !== '\x7fELF') return 'no Linux machine';
  const machine = header.readUInt16LE(18);
  return machines[machine] ?? `a machine of type ${machine}`;
}
