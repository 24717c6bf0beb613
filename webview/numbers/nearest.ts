/** Index of the first element that is not below `step`, in an increasing list; its length when there is none. */
export function lowerBound(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((steps[middle] as number) < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the logged step nearest to `step` (the earlier of two equally near), or -1 in an empty list. */
export function nearestIndex(steps: readonly number[], step: number): number {
  const after = lowerBound(steps, step);
  if (after === 0) return steps.length ? 0 : -1;
  if (after === steps.length) return after - 1;
  const before = after - 1;
  return step - (steps[before] as number) <= (steps[after] as number) - step ? before : after;
}

/** The element nearest to `step`, of a list that is increasing by step. */
export function nearest<T extends { readonly step: number }>(items: readonly T[], step: number): T | undefined {
  return items[
    nearestIndex(
      items.map((item) => item.step),
      step,
    )
  ];
}

/** The next logged step after `step`, or the last before it; `step` itself where there is none. */
export function neighbour(steps: readonly number[], step: number, direction: 1 | -1): number {
  const index = direction > 0 ? lowerBound(steps, step + 1) : lowerBound(steps, step) - 1;
  return steps[index] ?? step;
}

/** Increasing union of increasing lists. */
export function union(lists: readonly (readonly number[])[]): number[] {
  const [first, ...others] = lists;
  if (others.every((list) => list.length === 0)) return [...(first ?? [])];
  return [...new Set(lists.flat())].sort((a, b) => a - b);
}
