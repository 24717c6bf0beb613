// `node scripts/built.mjs NAME ARGS...`: installs and builds what is missing, then runs dist/NAME.mjs.
import { ensureInstalled } from './install.mjs';
import { main, run, runAsync } from './process.mjs';

main(async () => {
  const [name, ...args] = process.argv.slice(2);
  ensureInstalled();
  run(process.execPath, ['esbuild.mjs']);
  process.exitCode = await runAsync(process.execPath, [`dist/${name}.mjs`, ...args]);
});
