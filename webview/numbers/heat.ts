/** Where numbers stand on a scale of colour. */

export interface Scale {
  readonly low: number;
  readonly high: number;
}

/** From the least to the most of them; of one number alone a scale on which it is full. */
export function scaleOf(values: readonly number[]): Scale {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return low < high ? { low, high } : { low: low - 1, high };
}

/** 0 at the low end and beyond it, 1 at the high end. */
export function fullness(value: number, { low, high }: Scale): number {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** Which cell of a table an arrow key leads to, or undefined for another key. */
export function cellTowards(
  key: string,
  { row, column }: Cell,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): Cell | undefined {
  const to = {
    ArrowLeft: { row, column: column - 1 },
    ArrowRight: { row, column: column + 1 },
    ArrowUp: { row: row - 1, column },
    ArrowDown: { row: row + 1, column },
    Home: { row, column: 0 },
    End: { row, column: columns - 1 },
  }[key];
  const within = (value: number, count: number) => Math.min(count - 1, Math.max(0, value));
  return to && { row: within(to.row, rows), column: within(to.column, columns) };
}

export interface Cell {
  readonly row: number;
  readonly column: number;
}
