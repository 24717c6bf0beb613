// The scripts behind `npm start` and `npm test` work in a fresh clone: they install what package-lock.json names.
import { existsSync, lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './process.mjs';

/** Runs `npm ci` when nothing is installed, an install was cut short, or the lock file is newer than the install. */
export function ensureInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json'); // the last thing that npm writes
  const wanted = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  const folder = join(root, 'node_modules');
  // npm empties the folder before it installs, and a link leads to somebody else's.
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new Error(`${folder} is a link, and what it leads to is not what package-lock.json names. Remove the link.`);
  }
  console.log('Installing dependencies (npm ci)...');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
