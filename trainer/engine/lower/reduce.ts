import { util } from '@tensorflow/tfjs-core';
import type { ElementType, Graph, Value } from '../graph';
import { size } from '../shapes';
import { cast, kernelNode, lower, reshape, shaped } from './kernel';
import { matMul } from './matmul';

type X = { x: Value };
type Axes = number | number[] | undefined;

function reduce(graph: Graph, type: string, x: Value, axis: Axes, keepDims: boolean): Value {
  const axes = util.parseAxisParam(axis ?? x.shape.map((_, i) => i), [...x.shape]);
  const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const shape = keepDims ? kept : kept.filter((_, i) => !axes.includes(i));
  if (axes.length === 0) return x;
  if (type === 'ReduceSum' && x.dtype === 'float32' && axes.every((axis, i) => axis === i)) {
    const rest = size(x.shape.slice(axes.length));
    const rows = size(x.shape) / rest;
    if (rest > 1 && rows > 1) return reshape(graph, columnSums(graph, reshape(graph, x, [rows, rest])), shape);
  }
  const rows = axes.length === x.shape.length && x.dtype === 'float32' && inRows.has(type) ? rowsOf(size(x.shape)) : 1;
  if (rows > 1) {
    const each = reduce(graph, type, reshape(graph, x, [rows, size(x.shape) / rows]), 1, false);
    return reshape(graph, reduce(graph, type, each, 0, false), shape);
  }
  return graph.node(type, [x, graph.ints(axes)], shaped(shape, x.dtype), { keepdims: keepDims ? 1 : 0 });
}

/** What is summed in one go, and of how many values at most: beside a running sum of more, a value loses its last digits. */
const inRows = new Set(['ReduceSum', 'ReduceMean']);
const MOST_SUMMED = 1 << 11;

/** In how many rows of one length, none too long, so many values can be laid out; 1 where they cannot. */
function rowsOf(count: number): number {
  const fewest = Math.ceil(count / MOST_SUMMED);
  for (let rows = fewest; rows < 2 * fewest; rows++) if (count % rows === 0) return rows;
  return 1;
}

/** [R, D] -> [1, D]. As a product with ones it runs on all threads, where ReduceSum goes through the rows on one. */
export function columnSums(graph: Graph, x: Value): Value {
  if (graph.kernels) return kernelNode(graph, 'ColumnSums', [x], [shaped([1, x.shape[1]!])])[0]!;
  return matMul(graph, graph.full(1, [1, x.shape[0]!]), x);
}

for (const [kernel, type] of [
  ['Sum', 'ReduceSum'],
  ['Mean', 'ReduceMean'],
  ['Prod', 'ReduceProd'],
] as const)
  lower<{ axis: Axes; keepDims: boolean }, X>(kernel, ({ x }, graph, { axis, keepDims }) => {
    const number = x.dtype === 'bool' || (kernel === 'Mean' && x.dtype === 'int32');
    return reduce(graph, type, number ? cast(graph, x, kernel === 'Mean' ? 'float32' : 'int32') : x, axis, keepDims);
  });

// tfjs calls the axes of one by one name and those of the other by another.
lower<{ reductionIndices: Axes; keepDims: boolean }, X>('Max', ({ x }, graph, { reductionIndices, keepDims }) =>
  reduce(graph, 'ReduceMax', x, reductionIndices, keepDims),
);
lower<{ axis: Axes; keepDims: boolean }, X>('Min', ({ x }, graph, { axis, keepDims }) =>
  reduce(graph, 'ReduceMin', x, axis, keepDims),
);

for (const [kernel, type] of [
  ['All', 'ReduceMin'],
  ['Any', 'ReduceMax'],
] as const)
  lower<{ axis: Axes; keepDims: boolean }, X>(kernel, ({ x }, graph, { axis, keepDims }) =>
    cast(graph, reduce(graph, type, cast(graph, x, 'int32'), axis, keepDims), 'bool'),
  );

for (const kernel of ['ArgMax', 'ArgMin'])
  lower<{ axis: number }, X>(kernel, ({ x }, graph, { axis }) => {
    const [at] = util.parseAxisParam(axis, [...x.shape]) as [number];
    const shape = x.shape.filter((_, i) => i !== at);
    const number = x.dtype === 'bool' ? cast(graph, x, 'int32') : x;
    return cast(graph, graph.node(kernel, [number], shaped(shape, 'int64'), { axis: at, keepdims: 0 }), 'int32');
  });

lower<{ dim: number }, { logits: Value }>('Softmax', ({ logits }, graph, { dim }) =>
  graph.node('Softmax', [logits], logits, { axis: dim }),
);

interface Scan {
  axis: number;
  exclusive: boolean;
  reverse: boolean;
}

lower<Scan, X>('Cumsum', ({ x }, graph, { axis, exclusive, reverse }) =>
  graph.node('CumSum', [x, graph.constant([axis], [], 'int32')], x, {
    exclusive: exclusive ? 1 : 0,
    reverse: reverse ? 1 : 0,
  }),
);

// ONNX has no running product: log2(n) rounds of multiplying by oneself shifted by 1, 2, 4, ...
lower<Scan, X>('Cumprod', ({ x }, graph, { axis, exclusive, reverse }) => {
  const at = (axis + x.shape.length) % x.shape.length;
  const length = x.shape[at]!;
  const shifted = (value: Value, by: number): Value => {
    const part = x.shape.map((n, i) => (i === at ? n - by : n));
    const [start, end] = reverse ? [by, length] : [0, length - by];
    const rest = graph.node(
      'Slice',
      [value, graph.ints([start]), graph.ints([end]), graph.ints([at])],
      shaped(part, x.dtype),
    );
    const gap = x.shape.map((n, i) => (i === at ? by : n));
    const ones = graph.node('Expand', [graph.scalar(1, x.dtype), graph.ints(gap)], shaped(gap, x.dtype));
    return graph.node('Concat', reverse ? [rest, ones] : [ones, rest], x, { axis: at });
  };
  let product = exclusive ? (length > 1 ? shifted(x, 1) : shiftedOut(graph, x)) : x;
  for (let by = 1; by < length; by *= 2) product = graph.node('Mul', [product, shifted(product, by)], x);
  return product;
});

const shiftedOut = (graph: Graph, x: Value) => graph.node('Expand', [graph.scalar(1, x.dtype), graph.ints(x.shape)], x);

lower<{ k: number; sorted: boolean }, X>('TopK', ({ x }, graph, { k, sorted }) => {
  const shape = [...x.shape.slice(0, -1), k];
  const [top, indices] = graph.multi(
    'TopK',
    [x, graph.ints([k])],
    [shaped(shape, x.dtype), shaped(shape, 'int64' satisfies ElementType)],
    { axis: -1, sorted: sorted ? 1 : 0 },
  ) as [Value, Value];
  return [top, cast(graph, indices, 'int32')];
});

// Rows that share a segment are summed in order, one after another.
lower<{ numSegments: number }, X & { segmentIds: Value }>(
  'UnsortedSegmentSum',
  ({ x, segmentIds }, graph, { numSegments }) => {
    const rest = x.shape.slice(1);
    const out = shaped([numSegments, ...rest], x.dtype);
    const zeros = graph.node('Expand', [graph.scalar(0, x.dtype), graph.ints(out.shape)], out);
    const column = reshape(graph, segmentIds, [x.shape[0]!, ...rest.map(() => 1)]);
    const indices = graph.node('Expand', [column, graph.ints(x.shape)], shaped(x.shape, 'int32'));
    return graph.node('ScatterElements', [zeros, indices, x], out, { axis: 0, reduction: 'add' });
  },
);
