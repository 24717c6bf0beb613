/** NumPy's array files (the .npy format, versions 1 to 3): their header, and what it means for images and labels. */
import { DataError } from './errors';
import type { Part, Records } from './item';
import { readHead, readPart } from './packed';

export interface NpyArray {
  /** The whole file, header included. */
  readonly part: Part;
  /** Such as `|u1`: byte order, kind and bytes of a value. */
  readonly type: string;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Where the values begin. */
  readonly start: number;
}

const magic = '\x93NUMPY';
const maxHeader = 1 << 16;

/** Reads the header of a file, and holds its size against it. `field` is the config value to blame. */
export async function readNpy(part: Part, field: string): Promise<NpyArray> {
  const fail = (what: string) => new DataError(`${field}: ${part.name} ${what}`);
  const head = await readHead(part, 12 + maxHeader, field);
  if (head.length < 12 || head.toString('latin1', 0, 6) !== magic) throw fail('is no NumPy array. Save it again');
  const wide = head[6]! > 1;
  const start = wide ? 12 + head.readUInt32LE(8) : 10 + head.readUInt16LE(8);
  if (start > head.length) throw fail('was cut short in its header. Save it again');
  const text = head.toString('utf8', wide ? 12 : 10, start);

  // A Python dictionary of three known keys: looked up one by one, never evaluated.
  const type = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const sizes = /'shape'\s*:\s*\(([\d\sL,]*)\)/.exec(text)?.[1];
  if (type?.includes('O')) {
    throw fail(
      'holds Python objects: reading those can run any code, so they are refused. Save it as an array of numbers',
    );
  }
  if (type === undefined || order === undefined || sizes === undefined) {
    throw fail('is an array of records, or has a damaged header. Save it as a plain array of numbers');
  }
  const shape = (sizes.match(/\d+/g) ?? []).map(Number);
  const bytes = shape.reduce((product, size) => product * size, Number(/\d+$/.exec(type)?.[0] ?? 0));
  if (start + bytes !== part.size) {
    throw fail(
      `has ${part.size.toLocaleString('en-US')} bytes, a header of ${start} and an array of (${shape.join(', ')}) ${type} have ${(start + bytes).toLocaleString('en-US')}. It was cut short or is damaged: save or download it again`,
    );
  }
  return { part, type, fortran: order === 'True', shape, start };
}

/** How the images of an array lie: [count, height, width], or with 1 or 3 channels after or before height and width. */
export function imagesOf({ part, type, fortran, shape, start }: NpyArray, field: string) {
  if (!/u1$/.test(type)) {
    const advice = /f[248]$/.test(type)
      ? 'For floats from 0 to 1, save (images * 255).round().astype("uint8")'
      : 'Save it as uint8, 0 to 255';
    throw new DataError(`${field}: ${part.name} holds values of type ${type}, images are uint8. ${advice}`);
  }
  const axes = axesOf(shape);
  if (axes === undefined) {
    throw new DataError(
      `${field}: ${part.name} has the shape (${shape.join(', ')}), images are (count, height, width), with 1 or 3 channels last or first if need be. Reshape it and save it again`,
    );
  }
  const size = Object.fromEntries(axes.map((axis, i) => [axis, shape[i + 1]!])) as Record<Axis, number | undefined>;
  const stride: Record<Axis, number> = { row: 0, column: 0, colour: 0 };
  let step = 1;
  for (const axis of fortran ? axes : axes.toReversed()) {
    stride[axis] = step;
    step *= size[axis]!;
  }
  const count = shape[0]!;
  const layout: Pick<Records, 'start' | 'step' | 'height' | 'width' | 'strides' | 'interleaved'> = {
    start,
    step,
    height: size.row!,
    width: size.column!,
    strides: [stride.row, stride.column, size.colour === 3 ? stride.colour : 0],
    ...(fortran ? { interleaved: count } : {}),
  };
  return { count, layout };
}

type Axis = 'row' | 'column' | 'colour';

function axesOf(shape: readonly number[]): readonly Axis[] | undefined {
  const coloured = (size: number | undefined) => size === 1 || size === 3;
  if (shape.length === 3) return ['row', 'column'];
  if (shape.length !== 4) return undefined;
  if (coloured(shape[3])) return ['row', 'column', 'colour'];
  return coloured(shape[1]) ? ['colour', 'row', 'column'] : undefined;
}

/** Class numbers: integers of any size, [count] or [count, 1]. */
export async function labelsOf({ part, type, shape, start }: NpyArray, field: string): Promise<Float64Array> {
  const read = /^([<>|=])([iu])([1248])$/.exec(type);
  if (!read) {
    throw new DataError(
      `${field}: ${part.name} holds values of type ${type}, labels are integers. Save it with .astype("int64")`,
    );
  }
  if (!(shape.length === 1 || (shape.length === 2 && shape[1] === 1))) {
    throw new DataError(
      `${field}: ${part.name} has the shape (${shape.join(', ')}): several labels an image, one is wanted. For one-hot labels save .argmax(1); sets with several classes an image cannot be judged, leave their labels out`,
    );
  }
  const [, order, sign, width] = read;
  const bytes = await readPart(part, field);
  const values = new DataView(bytes.buffer, bytes.byteOffset + start);
  const little = order !== '>';
  const at: Record<string, (offset: number) => number> = {
    u1: (offset) => values.getUint8(offset),
    i1: (offset) => values.getInt8(offset),
    u2: (offset) => values.getUint16(offset, little),
    i2: (offset) => values.getInt16(offset, little),
    u4: (offset) => values.getUint32(offset, little),
    i4: (offset) => values.getInt32(offset, little),
    u8: (offset) => Number(values.getBigUint64(offset, little)),
    i8: (offset) => Number(values.getBigInt64(offset, little)),
  };
  const value = at[sign! + width!]!;
  return Float64Array.from({ length: shape[0]! }, (_, i) => value(i * Number(width)));
}
