import { deflateRawSync, crc32 } from 'node:zlib';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { npmEnvironment } from '../../../trainer/cli/engines/commands';
import { buildFailure, downloadFailure } from '../../../trainer/cli/engines/failures';
import { TFJS_VERSION } from '../../../trainer/cli/engines/install';
import { architectureOf, findLibrary, isHeader, usesCuda } from '../../../trainer/cli/engines/library';
import { openLibrary, placeLibrary } from '../../../trainer/cli/engines/place';

const temporary = mkdtempSync(join(tmpdir(), 'tessera-engines-'));
afterAll(() => rmSync(temporary, { recursive: true }));

const has =
  (...paths: string[]) =>
  (path: string) =>
    paths.includes(path);
const wheel = [
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/include/tensorflow/c/eager/c_api.h',
];

describe('a TensorFlow is found', () => {
  it('in a wheel or site-packages, in its own folder, and in the C package', () => {
    expect(findLibrary('x', has(...wheel)).headers).toBe('tensorflow/include');
    expect(findLibrary('x', has(...wheel.map((path) => path.replace('tensorflow/', '')))).library).toBe('libtensorflow_cc.so.2'); // prettier-ignore
    const c = has('lib/libtensorflow.so.2', 'lib/libtensorflow_framework.so.2', 'include/tensorflow/c/eager/c_api.h');
    expect(findLibrary('x', c).library).toBe('lib/libtensorflow.so.2');
  });

  it('with those headers that a build needs', () => {
    const layout = findLibrary('x', has(...wheel));
    const needed = ['tensorflow/c/tf_status.h', 'xla/tsl/c/tsl_status.h', 'tsl/platform/ctstring.h', 'tensorflow/core/platform/ctstring.h']; // prettier-ignore
    expect(needed.filter((path) => !isHeader(`tensorflow/include/${path}`, layout))).toEqual([]);
    const needless = ['Eigen/Core', 'tensorflow/core/framework/op.h', 'xla/array.h', 'tensorflow/c/BUILD'];
    expect(needless.filter((path) => isHeader(`tensorflow/include/${path}`, layout))).toEqual([]);
  });

  it.each([
    [['tensorflow/libtensorflow_cc.2.dylib'], 'a.whl is a TensorFlow for macOS; get one for Linux'],
    [['tensorflow/python/_pywrap_tensorflow_internal.pyd'], 'a.whl is a TensorFlow for Windows; get one for Linux'],
    [['tensorflow/__init__.py'], 'a.whl is a TensorFlow without libtensorflow_cc.so.2, which newer versions have; 2.21 is known to work'], // prettier-ignore
    [['numpy/__init__.py'], 'a.whl holds no TensorFlow: there is neither tensorflow/libtensorflow_cc.so.2, as in a wheel, nor lib/libtensorflow.so.2'], // prettier-ignore
    [wheel.slice(0, 1), 'a.whl has tensorflow/libtensorflow_cc.so.2, but not tensorflow/libtensorflow_framework.so.2; it is incomplete'], // prettier-ignore
    [wheel.slice(0, 2), 'a.whl has tensorflow/libtensorflow_cc.so.2, but not tensorflow/include/tensorflow/c/eager/c_api.h; it is incomplete'], // prettier-ignore
  ])('or not, and the reason is told: %s', (paths, reason) => {
    expect(() => findLibrary('a.whl', has(...paths))).toThrow(new Error(reason));
  });

  it('to use CUDA or not', () => {
    expect(usesCuda("build_info = OrderedDict([('cuda_version', '12.5'), ('is_cuda_build', True)])")).toBe(true);
    expect(usesCuda("build_info = OrderedDict([('is_cuda_build', False)])")).toBe(false);
    expect(usesCuda('')).toBeUndefined();
  });
});

/** The first bytes of a shared library for a machine of this number (ELF, e_machine). */
function elf(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('\x7fELF', 'latin1');
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}
const here = elf(process.arch === 'arm64' ? 0xb7 : 0x3e);
const elsewhere = elf(process.arch === 'arm64' ? 0x3e : 0xb7);

it('knows what processor a library is for', () => {
  expect([0x3e, 0xb7, 0xf3].map((machine) => architectureOf(elf(machine)))).toEqual(['x64', 'arm64', 'a machine of type 243']); // prettier-ignore
  expect(architectureOf(Buffer.from('MZ'))).toBe('no Linux machine');
});

/** A ZIP archive with one deflated entry a file, as wheels are. */
function zip(files: Readonly<Record<string, Buffer>>): Buffer {
  const locals: Buffer[] = [];
  const rows: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const packed = deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    rows.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(rows);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(rows.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

describe.runIf(process.platform === 'linux')('a library is placed', () => {
  const files = {
    'tensorflow/libtensorflow_cc.so.2': here,
    'tensorflow/libtensorflow_framework.so.2': here,
    'tensorflow/include/tensorflow/c/eager/c_api.h': Buffer.from('// TFE_'),
    'tensorflow/include/Eigen/Core': Buffer.from('// not needed'),
    'tensorflow/python/platform/build_info.py': Buffer.from("[('is_cuda_build', True)]"),
    'nvidia/cublas/lib/libcublas.so.12': here,
  };
  const folder = (name: string, content: Readonly<Record<string, Buffer>>) => {
    for (const [path, bytes] of Object.entries(content)) {
      mkdirSync(dirname(join(temporary, name, path)), { recursive: true });
      writeFileSync(join(temporary, name, path), bytes);
    }
    return join(temporary, name);
  };
  const place = async (source: string, deps: string) =>
    placeLibrary(await openLibrary(source), join(temporary, deps), new AbortController().signal);
  const libraries = ['libtensorflow.so', 'libtensorflow_cc.so.2', 'libtensorflow_framework.so', 'libtensorflow_framework.so.2']; // prettier-ignore

  it('as links to a folder, with NVIDIA’s libraries beside it', async () => {
    const source = folder('site-packages', files);
    expect(await place(source, 'linked')).toEqual({ library: source, cuda: true });
    const deps = join(temporary, 'linked');
    expect(readdirSync(join(deps, 'lib')).sort()).toEqual(libraries);
    expect(readFileSync(join(deps, 'lib', 'libtensorflow.so'))).toEqual(here);
    expect(existsSync(join(deps, 'include', 'tensorflow', 'c', 'eager', 'c_api.h'))).toBe(true);
    expect(readlinkSync(join(deps, 'nvidia'))).toBe(join(source, 'nvidia'));
  });

  it('out of a wheel, without what is not needed', async () => {
    const file = join(temporary, 'tensorflow.whl');
    writeFileSync(file, zip(files));
    expect(await place(file, 'unpacked')).toEqual({ library: file, cuda: true });
    const deps = join(temporary, 'unpacked');
    expect(readdirSync(join(deps, 'lib')).sort()).toEqual(libraries);
    expect(readFileSync(join(deps, 'lib', 'libtensorflow_cc.so.2'))).toEqual(here);
    expect(readdirSync(join(deps, 'include'))).toEqual(['tensorflow']);
  });

  it('not when it is for another processor, no wheel, or not there', async () => {
    const other = folder('other', { ...files, 'tensorflow/libtensorflow_cc.so.2': elsewhere });
    await expect(place(other, 'a')).rejects.toThrow(/libtensorflow_cc\.so\.2 is for \w+; this machine is/);
    const cut = join(temporary, 'cut.whl');
    writeFileSync(cut, zip(files).subarray(0, 200));
    await expect(place(cut, 'b')).rejects.toThrow(/--libtensorflow: .*cut\.whl cannot be read as a wheel: it is no ZIP archive/); // prettier-ignore
    await expect(place(join(temporary, 'nowhere'), 'c')).rejects.toThrow(/nowhere is not there/);
  });
});

describe('a failure is explained', () => {
  it('of the download, with the other way to a library', () => {
    const text = downloadFailure('Error: getaddrinfo ENOTFOUND storage.googleapis.com\n    at x');
    expect(text).toMatch(/storage\.googleapis\.com cannot be reached \(ENOTFOUND storage\.googleapis\.com\)/);
    expect(text).toMatch(/--libtensorflow FILE\.whl/);
    expect(downloadFailure('Error: Unsupported system: gpu-darwin-arm64\n')).toMatch(
      /Unsupported system: gpu-darwin-arm64/,
    );
  });

  it('of the build: headers, tools, or what the compiler said', () => {
    expect(buildFailure('gyp ERR! stack FetchError: getaddrinfo EAI_AGAIN')).toMatch(/--nodedir DIR/);
    expect(buildFailure('gyp ERR! stack Error: not found: make')).toMatch(/make is missing/);
    expect(buildFailure('gyp ERR! find Python')).toMatch(/Python 3 is missing/);
    const found = 'gyp info find Python using Python version 3.12.1';
    expect(buildFailure(`${found}\nmake: g++: No such file or directory`)).toMatch(/a C\+\+ compiler is missing/);
    expect(buildFailure("x.cc:5:1: error: 'TF_Tensor' does not name a type\nmore")).toMatch(/x\.cc:5:1: error: 'TF_Tensor'/); // prettier-ignore
  });
});

it('runs npm with our own settings, not with those of an npm around it', () => {
  const env = { PATH: '/bin', npm_config_global: 'true', npm_config_registry: 'r', npm_lifecycle_event: 'x' };
  expect(npmEnvironment(env, '/node')).toEqual({ PATH: '/bin', npm_config_registry: 'r', npm_config_nodedir: '/node' });
});

it('installs kernels of the tfjs-core that the program is built on', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
  expect(dependencies['@tensorflow/tfjs-core']).toBe(TFJS_VERSION);
});
