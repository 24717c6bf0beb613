import { closeSync, openSync } from 'node:fs';

/**
 * Sends what this process and its native libraries print to a file, from now on. The lowest free descriptor
 * is the one that `open` gives, so closing 1 or 2 and opening the file puts it in that place.
 */
export function redirectOutput(file: string): void {
  for (const descriptor of [1, 2]) {
    closeSync(descriptor);
    const opened = openSync(file, 'a', 0o600);
    if (opened !== descriptor) closeSync(opened);
  }
}
