const minus = (text: string) => text.replace('-', '−');

/**
 * The label of an axis: as many digits as it takes to tell ticks `spacing` apart (0 when they are not evenly spaced),
 * and no more. Units are for the heading, except the percent sign of a share.
 */
export function formatTick(value: number, spacing: number, share: boolean): string {
  if (share) return `${formatTick(value * 100, spacing * 100, false)}%`;
  const size = Math.abs(value);
  if (size === 0) return '0';
  // The largest of a run of small ticks decides nothing: all of them are written alike.
  if ((spacing || size) < 1e-3 && size < 1e-2)
    return minus(Number(value.toPrecision(3)).toExponential().replace('e+', 'e'));
  if (size >= 1e6) return minus(value.toExponential(1).replace('.0', '').replace('e+', 'e'));
  if (size >= 1e4) return minus(`${Number((value / 1000).toPrecision(3))}k`);
  const digits = spacing ? Math.max(0, -Math.floor(Math.log10(spacing) + 1e-9)) : 0;
  return minus(spacing ? value.toFixed(digits) : String(Number(value.toPrecision(3))));
}
