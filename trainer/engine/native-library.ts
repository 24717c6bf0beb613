/** Where ONNX Runtime's native library is, on the platforms that have one. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const libraries: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
  win32: 'onnxruntime.dll',
};

/** Throws when there is none for this platform. */
export function nativeLibrary(): string {
  const { platform, arch } = process;
  const [folder, library] = [packageFolder(), libraries[platform]];
  const file = folder && library && join(folder, 'bin', 'napi-v6', platform, arch, library);
  if (file && existsSync(file)) return file;
  throw new Error(`there is no native ONNX Runtime for ${platform}-${arch}`);
}

/** Undefined where it was left out, since it has nothing for this platform. */
function packageFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch {
    return undefined;
  }
}
