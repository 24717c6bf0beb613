/** What is used here of tfjs-node's native module, which calls TensorFlow's C API. */
import type { DType, TypedArray } from '../types';

/** A tensor on the library's side. Numbers are never given out twice. */
export interface Handle {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

export interface OpAttribute {
  readonly name: string;
  /** One of the binding's TF_ATTR_* numbers. */
  readonly type: number;
  readonly value: string | number | boolean | readonly number[] | readonly boolean[];
}

export interface Binding {
  readonly TF_Version: string;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  isUsingGpuDevice(): boolean;
  getNumOfTensors(): number;
  getNumOfSavedModels(): number;
  /** The array may be used in place, and is let go when the tensor is. */
  createTensor(shape: readonly number[], dtype: number, values: TypedArray | Uint8Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): TypedArray;
  executeOp(op: string, attributes: readonly OpAttribute[], inputs: readonly number[], outputs: number): Handle[];
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(model: number): void;
  /** Runs what `outputs` need of a loaded graph; names are "node:output", with commas between them. */
  runSavedModel(model: number, ids: readonly number[], inputs: string, outputs: string): Handle[];
}

export const typeOf = (dtype: DType, { TF_FLOAT, TF_INT32 }: Binding) => (dtype === 'float32' ? TF_FLOAT : TF_INT32);
