// `npm run package [-- --target linux-x64]`: the VSIX of this platform, or of another.
import { parseArgs } from 'node:util';
import { ensureInstalled } from './install.mjs';
import { ensureCompiler, hostTarget } from './kernels.mjs';
import { main } from './process.mjs';
import { packageExtension } from './vsix.mjs';

main(async () => {
  const { values } = parseArgs({ options: { target: { type: 'string', default: hostTarget } } });
  ensureInstalled();
  await ensureCompiler();
  packageExtension(values.target);
});
