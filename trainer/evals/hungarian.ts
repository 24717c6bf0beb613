/**
 * The assignment problem (Kuhn 1955): each row gets a column of its own so that the total cost is least. Rows are
 * added one at a time along the shortest augmenting path in reduced costs (Jonker & Volgenant 1987), in
 * O(min^2 x max) of rows and columns.
 *
 * @param cost finite numbers [rows, columns], row-major.
 * @returns the column of each row; -1 for rows that get none, where there are more rows than columns.
 */
export function assign(cost: ArrayLike<number>, rows: number, columns: number): Int32Array {
  if (rows > columns) {
    const transposed = Float64Array.from({ length: rows * columns }, (_, at) => {
      return cost[(at % rows) * columns + Math.floor(at / rows)]!;
    });
    const columnOf = new Int32Array(rows).fill(-1);
    assign(transposed, columns, rows).forEach((row, column) => (columnOf[row] = column));
    return columnOf;
  }

  // Dual prices: cost - rowPrice - columnPrice is never negative, and zero where a row is assigned.
  const rowPrice = new Float64Array(rows);
  const columnPrice = new Float64Array(columns);
  const rowOf = new Int32Array(columns).fill(-1);
  const columnOf = new Int32Array(rows).fill(-1);
  for (let added = 0; added < rows; added++) {
    // Dijkstra from the added row to the nearest free column.
    const distance = new Float64Array(columns).fill(Infinity);
    const cameFrom = new Int32Array(columns);
    const settled: number[] = [];
    const isSettled = new Uint8Array(columns);
    let row = added;
    let reach = 0;
    let free = -1;
    while (free < 0) {
      let next = -1;
      for (let column = 0; column < columns; column++) {
        if (isSettled[column]) continue;
        const through = reach + cost[row * columns + column]! - rowPrice[row]! - columnPrice[column]!;
        if (through < distance[column]!) {
          distance[column] = through;
          cameFrom[column] = row;
        }
        if (next < 0 || distance[column]! < distance[next]!) next = column;
      }
      reach = distance[next]!;
      if (rowOf[next]! < 0) free = next;
      else {
        settled.push(next);
        isSettled[next] = 1;
        row = rowOf[next]!;
      }
    }
    rowPrice[added]! += reach;
    for (const column of settled) {
      const slack = reach - distance[column]!;
      rowPrice[rowOf[column]!]! += slack;
      columnPrice[column]! -= slack;
    }
    // Along the path every row moves on to the column that it was reached through.
    for (let column = free; column >= 0;) {
      const mover = cameFrom[column]!;
      const left = columnOf[mover]!;
      columnOf[mover] = column;
      rowOf[column] = mover;
      column = left;
    }
  }
  return columnOf;
}
