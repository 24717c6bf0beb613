// What comes with the system and not with npm.
import { runAsync, which } from './process.mjs';

/**
 * Installs what is missing of `[package, isThere]` with apt as root on Debian, and names it otherwise.
 * @param {[name: string, isThere: () => unknown][]} packages
 */
export async function systemPackages(packages) {
  const missing = packages.filter(([, isThere]) => !isThere()).map(([name]) => name);
  if (missing.length === 0) return;
  const canInstall = process.getuid?.() === 0 && which('apt-get') !== undefined;
  if (!canInstall) {
    throw new Error(
      `These system packages are needed and missing: ${missing.join(' ')} (names as in Debian). Install them and try again.`,
    );
  }
  console.log(`Installing ${missing.join(' ')} with apt-get...`);
  /** @type {import('node:child_process').SpawnOptions} */
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'inherit', 'inherit'],
  };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...missing],
  ]) {
    const code = await runAsync('apt-get', args, options);
    if (code !== 0) throw new Error(`apt-get ${args.join(' ')} failed (exit code ${code}); its output is above.`);
  }
}
