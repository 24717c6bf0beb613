import type { Tensor } from '@tensorflow/tfjs-core';

/** What a device can hold. `bool` exists only between ops, never at a program's edge. */
export type DType = 'float32' | 'int32';
export type TypedArray = Float32Array | Int32Array;

export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A tensor in host memory, row-major. */
export interface HostTensor extends TensorSpec {
  readonly data: TypedArray;
}

export type Specs = Readonly<Record<string, TensorSpec>>;
export type HostTensors = Readonly<Record<string, HostTensor>>;
export type Tensors = Readonly<Record<string, Tensor>>;

/**
 * A pure function written with tfjs ops. `state` is device-resident and persists
 * from call to call; whatever entries the step returns under `state` replace the
 * old ones. Every random draw, mask, learning rate and step number is an input.
 */
export type Step = (state: Tensors, inputs: Tensors) => { readonly state?: Tensors; readonly outputs: Tensors };

export interface ProgramSpec {
  /** The entries of the device state that the step reads or writes. */
  readonly state: Specs;
  readonly inputs: Specs;
  /** What matrices are multiplied in, float32 by default; only the onnx engine knows `mixed` (mixed.ts). */
  readonly precision?: Precision;
  /** Where the onnx engine keeps what the step is compiled to (graph-cache.ts); by default it does not. */
  readonly cache?: GraphCache;
}

export interface GraphCache {
  /** Made when it is not there. */
  readonly folder: string;
  /**
   * Everything that decides what the step records, but for this spec: the program that it is part of, and every value that it
   * closes over. Two steps with the same key must be the same, in whatever process and on whatever day.
   */
  readonly key: string;
}

export type Precision = 'float32' | 'mixed';

/** Named tensors that live on the device and are shared by programs. */
export interface DeviceState {
  readonly specs: Specs;
  /** Copies entries (all by default) to the host. */
  read(names?: readonly string[]): Promise<HostTensors>;
  dispose(): void;
}

export interface Program {
  /** Names, shapes and dtypes of what `run` resolves to. */
  readonly outputs: Specs;
  /** Of an engine whose device has memory of its own: the bytes that each run carries to it and back. */
  readonly traffic?: Traffic;
  /** Runs one step: reads and updates `state` in place, resolves to the outputs. One call at a time. */
  run(state: DeviceState, inputs: Readonly<Record<string, TypedArray>>): Promise<HostTensors>;
  dispose(): void;
}

export interface Traffic {
  readonly uploaded: number;
  readonly downloaded: number;
}

export type EngineName = 'onnx' | 'tensorflow' | 'reference';
export type Device = 'cpu' | 'wasm' | 'webgpu' | 'cuda';

export interface Engine {
  readonly name: EngineName;
  readonly device: Device;
  /** For people: "onnxruntime 1.30.0, CPU, 2 threads". */
  readonly description: string;
  /** Copies the values, or with `given` may take their arrays for its own, which nobody else may use any more. */
  upload(values: HostTensors, how?: 'given'): DeviceState;
  compile(step: Step, spec: ProgramSpec): Promise<Program>;
  dispose(): void;
}

export interface EngineOptions {
  readonly engine?: EngineName;
  readonly device?: Device;
  /** CPU threads of the onnx engine; default: the cores this process may use. */
  readonly threads?: number;
  /** False: the onnx engine runs ONNX Runtime's operators alone, not its own kernels. */
  readonly kernels?: boolean;
  /** Which GPU WebGPU takes: `high-performance` (the default), `low-power`, or, on Linux, a part of its name. */
  readonly gpu?: string;
  /** Where the tensorflow engine is installed; no other needs it. */
  readonly folder?: string;
}
