// `npm run test:vscode`: the suite in the extension host alone.
import { ensureInstalled } from './install.mjs';
import { main } from './process.mjs';

main(async () => {
  ensureInstalled();
  const { runVscodeSuite } = await import('./vscode-suite.mjs');
  const { passed, failed, skipped } = await runVscodeSuite();
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (failed > 0) process.exitCode = 1;
});
