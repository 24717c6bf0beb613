/**
 * What a run is called where space is short: "18:45" for one of today, "Nov 23 18:45" for an older one, so that
 * the numbers beside it have room. Its `runId` is in its tooltip. Pure.
 */
export function runLabel(createdAt: number, now = Date.now()): string {
  const [then, today] = [new Date(createdAt), new Date(now)];
  const two = (n: number) => String(n).padStart(2, '0');
  const clock = `${two(then.getHours())}:${two(then.getMinutes())}`;
  if (then.toDateString() === today.toDateString()) return clock;
  const year = then.getFullYear() === today.getFullYear() ? '' : ` ${then.getFullYear()}`;
  return `${then.toLocaleString('en-US', { month: 'short', day: 'numeric' })}${year} ${clock}`;
}
