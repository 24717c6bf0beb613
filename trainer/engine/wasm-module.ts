/**
 * The module under onnxruntime-web: ONNX Runtime compiled to WebAssembly, with the functions that the package's own
 * JavaScript calls.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** In the module's memory, in bytes. */
export type Address = number;

/** What of it is called here. Of ONNX Runtime's functions those that make something return its address, or 0; others 0, or a code. */
export interface WasmModule {
  readonly HEAPU8: Uint8Array;
  getValue(at: Address, type: 'i8' | '*'): number;
  UTF8ToString(at: Address): string;
  _malloc(bytes: number): Address;
  _free(at: Address): void;

  _OrtInit(threads: number, logLevel: number): number;
  _OrtGetLastError(code: Address, message: Address): number;
  _OrtCreateSessionOptions(
    ...options: [
      ...[optimizations: number, arena: boolean, memoryPattern: boolean, executionMode: number, profiling: boolean],
      ...[profile: Address, logId: Address, logLevel: number, logVerbosity: number, optimizedModel: Address],
    ]
  ): Address;
  _OrtReleaseSessionOptions(options: Address): number;
  _OrtCreateSession(model: Address, bytes: number, options: Address): Address;
  _OrtReleaseSession(session: Address): number;
  _OrtCreateTensor(type: number, data: Address, bytes: number, shape: Address, rank: number, place: number): Address;
  _OrtReleaseTensor(tensor: Address): number;
  _OrtRun(
    session: Address,
    ...tensors: [
      ...[inputNames: Address, inputs: Address, inputCount: number],
      ...[outputNames: Address, outputCount: number, outputs: Address],
      options: Address,
    ]
  ): number;
}

type Start = (options: { readonly numThreads: number }) => Promise<WasmModule>;

function moduleFile(): string {
  try {
    return createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.mjs');
  } catch (error) {
    throw new Error('onnxruntime-web is not installed', { cause: error });
  }
}

/**
 * Starts it, with a worker thread for each of `threads` but the caller's own; they do not keep the process alive. Rejects,
 * saying what is missing, when the package's files are not there.
 */
export async function startWasmModule(threads: number): Promise<{ module: WasmModule; version: string }> {
  const file = moduleFile();
  const { default: start } = (await import(pathToFileURL(file).href)) as { default: Start };
  const module = await start({ numThreads: threads });
  const manifest = readFileSync(join(dirname(file), '..', 'package.json'), 'utf8');
  return { module, version: (JSON.parse(manifest) as { version: string }).version };
}
