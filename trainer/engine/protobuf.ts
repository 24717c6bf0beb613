/** The four protobuf wire encodings that an ONNX model needs, as plain functions over byte chunks. */
export type Bytes = Uint8Array<ArrayBufferLike>;

export const concat = (chunks: readonly Bytes[]): Bytes => {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
};

export function varint(value: number): Bytes {
  const bytes: number[] = [];
  // Two's complement in 64 bits, as protobuf has it; shapes and counts stay far below 2^53.
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest ? low | 0x80 : low);
  } while (rest);
  return Uint8Array.from(bytes);
}

const text = new TextEncoder();

export const int = (field: number, value: number) => concat([varint(field << 3), varint(value)]);
export const bytes = (field: number, value: Bytes) => concat([varint((field << 3) | 2), varint(value.length), value]);
export const string = (field: number, value: string) => bytes(field, text.encode(value));
export const message = (field: number, parts: readonly Bytes[]) => bytes(field, concat(parts));
export function float(field: number, value: number): Bytes {
  const data = new DataView(new ArrayBuffer(4));
  data.setFloat32(0, value, true);
  return concat([varint((field << 3) | 5), new Uint8Array(data.buffer)]);
}
