/** Where the pixels of one image come from. Everything in it is part of the cache's key. */
export type Origin =
  | {
      readonly kind: 'file';
      /** Bytes when the name is not valid UTF-8. */
      readonly path: string | Uint8Array;
      readonly bytes: number;
      /** Milliseconds. No tool can set the change time, so an edited file never keeps both. */
      readonly modified: number;
      readonly changed: number;
    }
  | {
      /** One record of a CIFAR file: 32x32, three planes. `offset` is of its first pixel byte. */
      readonly kind: 'cifar';
      readonly path: string;
      readonly offset: number;
      readonly modified: number;
      readonly changed: number;
    }
  | { readonly kind: 'shape'; readonly index: number; readonly version: number };

export interface Item {
  /** For people, and stable: the path below the source, or the record's number. */
  readonly id: string;
  /** Index into the classes; absent for data without labels. */
  readonly label?: number;
  readonly origin: Origin;
}

/** What a source offers before anything is decoded. */
export interface Listing {
  readonly train: readonly Item[];
  /** Absent when the source has no test images of its own. */
  readonly test?: readonly Item[];
  readonly classes?: readonly string[];
  /** What the reader should be told: how folders were read, what was left out. */
  readonly notes: readonly string[];
}
