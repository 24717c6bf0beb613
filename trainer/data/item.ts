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
  | { readonly kind: 'record'; readonly records: Records; readonly index: number }
  | { readonly kind: 'shape'; readonly index: number; readonly version: number };

/** Images of one size in a file, 8 bits a value. One object for all images of a file. */
export interface Records {
  readonly path: string;
  readonly modified: number;
  readonly changed: number;
  /** The first byte of the first image, and how many bytes further the next one begins. */
  readonly start: number;
  readonly step: number;
  readonly height: number;
  readonly width: number;
  /** Bytes to the next row, column and colour. To the next colour it is 0 for grey: three equal channels. */
  readonly strides: readonly [row: number, column: number, colour: number];
  /** Where the images lie compressed; `start` then counts from the first unpacked byte. */
  readonly packed?: Part;
  /** The number of images, when byte 0 of each comes first, then byte 1 of each: NumPy's Fortran order. */
  readonly interleaved?: number;
}

/** A stretch of a file that is compressed, or an entry of an archive. */
export interface Part {
  readonly path: string;
  readonly method: 'stored' | 'gzip' | 'deflate';
  /** Where it lies in the file, and its bytes there. */
  readonly offset: number;
  readonly bytes: number;
  /** Its bytes when unpacked, as the file says of itself. */
  readonly size: number;
  /** Of the unpacked bytes, for formats whose decompressor does not look itself. */
  readonly crc?: number;
  /** What people know it as. */
  readonly name: string;
}

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
  /** Images that the publisher gave no labels, for pretraining. */
  readonly unlabelled?: readonly Item[];
  readonly classes?: readonly string[];
  /** The class of all images, where there is but one: it tells nothing apart, so images have no labels. */
  readonly onlyClass?: string;
  /** What the reader should be told: how folders were read, what was left out. */
  readonly notes: readonly string[];
}
