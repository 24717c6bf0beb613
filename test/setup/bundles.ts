import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Tests of real processes run what users run: the bundles. A build that a caller has just made is not repeated. */
export default function setup(): void {
  if (process.env.TESSERA_BUILT === '1' && existsSync('dist/trainer.mjs')) return;
  execFileSync(process.execPath, ['esbuild.mjs'], { stdio: 'inherit' });
}
