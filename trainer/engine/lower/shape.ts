import { backend_util, slice_util, util, type Tensor } from '@tensorflow/tfjs-core';
import type { ElementType, Graph, Value } from '../graph';
import { size } from '../shapes';
import { cast, lower, reshape, shaped } from './kernel';

type X = { x: Value };

const fill = (graph: Graph, value: number, shape: readonly number[], dtype: ElementType) =>
  graph.node('Expand', [graph.scalar(value, dtype), graph.ints(shape)], shaped(shape, dtype));

const normalAxis = (axis: number, rank: number) => (axis < 0 ? axis + rank : axis);

lower<{ shape: number[] }, X>('Reshape', ({ x }, graph, { shape }) =>
  reshape(graph, x, util.inferFromImplicitShape(shape, size(x.shape))),
);
lower<{ dim: number }, { input: Value }>('ExpandDims', ({ input }, graph, { dim }) => {
  const at = dim < 0 ? dim + input.shape.length + 1 : dim;
  return reshape(graph, input, input.shape.toSpliced(at, 0, 1));
});
lower<{ perm: number[] }, X>('Transpose', ({ x }, graph, { perm }) => {
  const shape = perm.map((axis) => x.shape[axis]!);
  return graph.node('Transpose', [x], shaped(shape, x.dtype), { perm });
});
lower<{ begin: number[]; size: number[] }, X>('Slice', ({ x }, graph, attributes) => {
  const [begin, sizes] = slice_util.parseSliceParams(info(x), attributes.begin, attributes.size) as [
    number[],
    number[],
  ];
  const axes = x.shape.map((_, i) => i).filter((i) => begin[i] !== 0 || sizes[i] !== x.shape[i]);
  if (axes.length === 0) return x;
  const ints = (of: (axis: number) => number) => graph.ints(axes.map(of));
  const bounds = [ints((i) => begin[i]!), ints((i) => begin[i]! + sizes[i]!), ints((i) => i)];
  return graph.node('Slice', [x, ...bounds], shaped(sizes, x.dtype));
});
interface Strided {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}
lower<Strided, X>('StridedSlice', ({ x }, graph, a) => {
  const slice = slice_util.sliceInfo(
    [...x.shape],
    a.begin,
    a.end,
    a.strides,
    a.beginMask,
    a.endMask,
    a.ellipsisMask,
    a.newAxisMask,
    a.shrinkAxisMask,
  );
  const sizes = slice_util.computeOutShape(slice.begin, slice.end, slice.strides);
  // With a negative stride the end before the first element is "far below", not -1 (which is the last one).
  const ends = slice.end.map((end, i) => (slice.strides[i]! < 0 && end < 0 ? -0x7fffffff : end));
  const axes = graph.ints(sizes.map((_, i) => i));
  const bounds = [graph.ints(slice.begin), graph.ints(ends), axes, graph.ints(slice.strides)];
  return reshape(graph, graph.node('Slice', [x, ...bounds], shaped(sizes, x.dtype)), slice.finalShape);
});
lower<{ dims: number | number[] }, X>('Reverse', ({ x }, graph, { dims }) => {
  const axes = util.parseAxisParam(dims, [...x.shape]);
  if (axes.length === 0) return x;
  const all = (value: number) => graph.ints(axes.map(() => value));
  return graph.node('Slice', [x, all(-1), all(-0x7fffffff), graph.ints(axes), all(-1)], x);
});
lower<{ axis: number }, Record<string, Value>>('Concat', (inputs, graph, { axis }) => {
  const all = Object.values(inputs);
  const at = normalAxis(axis, all[0]!.shape.length);
  const parts = all.filter((x) => size(x.shape) > 0);
  if (parts.length < 2) return parts[0] ?? all[0]!;
  const shape = parts[0]!.shape.with(
    at,
    parts.reduce((sum, x) => sum + x.shape[at]!, 0),
  );
  return graph.node('Concat', parts, shaped(shape, parts[0]!.dtype), { axis: at });
});
lower<{ numOrSizeSplits: number | number[]; axis: number }, X>('SplitV', ({ x }, graph, attributes) => {
  const axis = normalAxis(attributes.axis, x.shape.length);
  const sizes = backend_util.prepareSplitSize(info(x), attributes.numOrSizeSplits, axis);
  return split(graph, x, sizes, axis);
});
lower<{ axis: number }, Record<string, Value>>('Pack', (inputs, graph, attributes) => {
  const parts = Object.values(inputs);
  const axis = normalAxis(attributes.axis, parts[0]!.shape.length + 1);
  const expanded = parts.map((x) => reshape(graph, x, x.shape.toSpliced(axis, 0, 1)));
  const shape = parts[0]!.shape.toSpliced(axis, 0, parts.length);
  return graph.node('Concat', expanded, shaped(shape, parts[0]!.dtype), { axis });
});
lower<{ axis: number }, { value: Value }>('Unpack', ({ value }, graph, attributes) => {
  const axis = normalAxis(attributes.axis, value.shape.length);
  const parts = split(graph, value, new Array<number>(value.shape[axis]!).fill(1), axis);
  return parts.map((part) => reshape(graph, part, value.shape.toSpliced(axis, 1)));
});
export function split(graph: Graph, x: Value, sizes: readonly number[], axis: number): Value[] {
  const outputs = sizes.map((n) => shaped(x.shape.with(axis, n), x.dtype));
  return graph.multi('Split', [x, graph.ints(sizes)], outputs, { axis });
}
lower<{ paddings: [number, number][]; constantValue: number }, X>('PadV2', ({ x }, graph, attributes) => {
  const { paddings, constantValue } = attributes;
  const shape = x.shape.map((n, i) => n + paddings[i]![0] + paddings[i]![1]);
  const pads = graph.ints([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
  const number = x.dtype === 'bool' ? cast(graph, x, 'int32') : x;
  const padded = graph.node(
    'Pad',
    [number, pads, graph.scalar(constantValue, number.dtype)],
    shaped(shape, number.dtype),
  );
  return cast(graph, padded, x.dtype);
});
// tfjs broadcasts by tiling; Expand does the same without copying piece by piece.
lower<{ reps: number[] }, X>('Tile', ({ x }, graph, { reps }) => {
  const shape = x.shape.map((n, i) => n * reps[i]!);
  const broadcast = x.shape.every((n, i) => n === 1 || reps[i] === 1);
  return graph.node(broadcast ? 'Expand' : 'Tile', [x, graph.ints(broadcast ? shape : reps)], shaped(shape, x.dtype));
});
lower<{ axis: number; batchDims: number }, { x: Value; indices: Value }>('GatherV2', ({ x, indices }, graph, a) => {
  if (a.batchDims) throw new Error('gather with batchDims is not supported; flatten the rows and gather from them');
  const axis = normalAxis(a.axis, x.shape.length);
  const shape = x.shape.toSpliced(axis, 1, ...indices.shape);
  return graph.node('Gather', [x, indices], shaped(shape, x.dtype), { axis });
});
interface OneHot {
  dtype: ElementType;
  depth: number;
  onValue: number;
  offValue: number;
}
// Compared with 0..depth-1 rather than ONNX's OneHot, which wraps negative indices and WebGPU lacks.
lower<OneHot, { indices: Value }>('OneHot', ({ indices }, graph, { dtype = 'int32', depth, onValue, offValue }) => {
  const column = reshape(graph, indices, [...indices.shape, 1]);
  const classes = graph.constant(
    Int32Array.from({ length: depth }, (_, i) => i),
    [depth],
    'int32',
  );
  const shape = [...indices.shape, depth];
  const hit = graph.node('Equal', [column, classes], shaped(shape, 'bool'));
  return graph.node('Where', [hit, graph.scalar(onValue, dtype), graph.scalar(offValue, dtype)], shaped(shape, dtype));
});
lower<unknown, X>('ZerosLike', ({ x }, graph) => fill(graph, 0, x.shape, x.dtype));
lower<unknown, X>('OnesLike', ({ x }, graph) => fill(graph, 1, x.shape, x.dtype));
lower<{ shape: number[]; value: number; dtype?: ElementType }>('Fill', (_, graph, { shape, value, dtype }) =>
  fill(graph, value, shape, dtype ?? 'float32'),
);
lower<{ start: number; stop: number; step: number; dtype: ElementType }>('Range', (_, graph, a) => {
  const values = backendRange(a.start, a.stop, a.step);
  return graph.constant(values, [values.length], a.dtype);
});
lower<{ start: number; stop: number; num: number }>('LinSpace', (_, graph, { start, stop, num }) => {
  const step = (stop - start) / (num - 1);
  return graph.constant(
    Float32Array.from({ length: num }, (_unused, i) => start + i * step),
    [num],
    'float32',
  );
});

function backendRange(start: number, stop: number, step: number): number[] {
  const count = Math.max(0, Math.ceil((stop - start) / step));
  return Array.from({ length: count }, (_, i) => start + i * step);
}

const info = (x: Value) => ({ shape: [...x.shape], rank: x.shape.length, dtype: x.dtype }) as unknown as Tensor;
