/** The memory of the WebAssembly module: what calls need in it, and what they leave there or say when they fail. */
import type { Address, WasmModule } from './wasm-module';

/** The address of nothing. */
export const NOWHERE = 0;
/** Bytes of an address, and of an element of a tensor. */
export const WORD = 4;

/** What a call needs in memory for as long as it lasts. */
interface Put {
  bytes(values: Uint8Array): Address;
  words(values: readonly number[]): Address;
  text(value: string): Address;
}

export interface WasmMemory {
  /** All of it, as it is now: it grows. */
  bytes(): Uint8Array;
  /** Throws when there is no room. */
  allocate(bytes: number): Address;
  /** Runs `f`, and frees what that has put into memory. */
  lend<T>(f: (put: Put) => T): T;
  /** Makes a call, and throws what went wrong if it returns an error. */
  check(call: () => number): void;
  /** The same of a call that returns where it has made something. */
  made(call: () => Address): Address;
  /** A way to release something, which does so no second time: that would break what is there now. */
  once(release: () => void): () => void;
}

export function memoryOf(module: WasmModule): WasmMemory {
  let crash: Error | undefined;

  /** After a trap or an abort locks may stay held, at which the next call would wait for ever: there is none. */
  function call<T>(f: () => T): T {
    if (crash) throw crash;
    try {
      return f();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      crash = new Error(`ONNX Runtime has crashed on WebAssembly: ${message}`, { cause: error });
      throw crash;
    }
  }
  const release = (f: () => void) => {
    if (!crash) call(f);
  };

  function bytes(): Uint8Array {
    module.getValue(NOWHERE, 'i8'); // a function that looks whether another thread has let it grow
    return module.HEAPU8;
  }
  function allocate(count: number): Address {
    const at = count < 2 ** 32 ? call(() => module._malloc(Math.max(count, 1))) : NOWHERE;
    if (at === NOWHERE) throw outOfMemory(`${count} bytes`);
    return at;
  }
  function lend<T>(f: (put: Put) => T): T {
    const lent: Address[] = [];
    const room = (count: number) => {
      const at = allocate(count);
      lent.push(at);
      return at;
    };
    const put: Put = {
      bytes(values) {
        const at = room(values.byteLength);
        bytes().set(values, at);
        return at;
      },
      words: (values) => put.bytes(new Uint8Array(Uint32Array.from(values).buffer)),
      text: (value) => put.bytes(Buffer.from(`${value}\0`)),
    };
    try {
      return f(put);
    } finally {
      release(() => lent.forEach((at) => module._free(at)));
    }
  }
  function lastError(): Error {
    const message = lend((put) => {
      const out = put.words([0, 0]);
      call(() => module._OrtGetLastError(out, out + WORD));
      return module.UTF8ToString(module.getValue(out + WORD, '*'));
    });
    // The last is of bytes counted in 32 bits.
    return /bad_alloc|failed to allocate|integer overflow/i.test(message) ? outOfMemory(message) : new Error(message);
  }
  return {
    bytes,
    allocate,
    lend,
    check(f) {
      if (call(f) !== 0) throw lastError();
    },
    made(f) {
      const at = call(f);
      if (at === NOWHERE) throw lastError();
      return at;
    },
    once(f) {
      let left: (() => void) | undefined = f;
      return () => {
        const now = left;
        left = undefined;
        if (now) release(now);
      };
    },
  };
}

const outOfMemory = (detail: string) =>
  new Error(`WebAssembly is out of memory, of which it has 4 GiB at most: take a smaller batch or model (${detail})`);
