// Bundles every process of Tessera into dist/, and compiles the kernels of its CPU engine: `node esbuild.mjs [--watch] [--release]`.
// --release leaves out source maps and minifies the host; that is what goes into the VSIX.
import { build, context } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { buildKernels } from './scripts/kernels.mjs';

const { values: flags } = parseArgs({ options: { watch: { type: 'boolean' }, release: { type: 'boolean' } } });

const common = {
  bundle: true,
  target: 'es2022',
  sourcemap: flags.release ? false : 'linked',
  logLevel: 'warning',
  legalComments: 'none',
};

// Packages that are CommonJS inside call require() for Node's own modules; an ES module has to bring one.
const requireBanner =
  "import { createRequire as createRequireOfBundle } from 'node:module';\n" +
  'const require = createRequireOfBundle(import.meta.url);';

const node = {
  ...common,
  platform: 'node',
  target: 'node20.9',
  mainFields: ['module', 'main'],
  // node-fetch is what tfjs would use in a Node without fetch, and an eighth of the trainer.
  external: ['vscode', 'onnxruntime-node', 'sharp', 'node-fetch'],
};

const nodeModule = (entry, outfile) => ({
  ...node,
  entryPoints: [entry],
  outfile,
  format: 'esm',
  banner: { js: requireBanner },
});

/**
 * Lets a bundle know which it is, as TESSERA_BUILD: what it compiles and keeps is of use to no other. It is filled in afterwards,
 * since it is the hash of everything else. @type {import('esbuild').Plugin}
 */
const namesItself = {
  name: 'names itself',
  setup({ initialOptions, onEnd }) {
    const blank = 'x'.repeat(64);
    initialOptions.define = { ...initialOptions.define, TESSERA_BUILD: JSON.stringify(blank) };
    initialOptions.write = false;
    onEnd(async ({ outputFiles }) => {
      for (const { path, contents, text } of outputFiles ?? []) {
        const hash = createHash('sha256').update(contents).digest('hex');
        await writeFile(path, path.endsWith('.map') ? contents : text.replaceAll(blank, hash));
      }
    });
  },
};

const bundles = [
  {
    ...node,
    entryPoints: ['extension/extension.ts'],
    outfile: 'dist/extension.cjs',
    format: 'cjs',
    minify: flags.release,
  },
  { ...nodeModule('trainer/main.ts', 'dist/trainer.mjs'), plugins: [namesItself] },
  nodeModule('trainer/cli.ts', 'dist/tessera.mjs'),
  nodeModule('trainer/data/worker.ts', 'dist/worker.mjs'),
  // Never packed, so what only drives an editor or bundles may stay in node_modules.
  {
    ...nodeModule('bench/index.ts', 'dist/bench.mjs'),
    external: [...node.external, 'playwright-core', '@vscode/test-electron', 'esbuild'],
  },
  nodeModule('bench/gpu.ts', 'dist/gpu-bench.mjs'),
  {
    ...common,
    entryPoints: ['webview/dashboard.ts', 'webview/report.ts'],
    outdir: 'dist/webview',
    platform: 'browser',
    format: 'iife',
    minify: true,
  },
];

/** The schema that editors complete, explain and check configs with comes from the same zod type as the validation. */
async function writeSchema() {
  const bundle = await build({
    ...common,
    ...node,
    sourcemap: false,
    entryPoints: ['protocol/schema.ts'],
    format: 'esm',
    write: false,
  });
  const source = Buffer.from(bundle.outputFiles[0].contents).toString('base64');
  const { experimentSchema } = await import(`data:text/javascript;base64,${source}`);
  await mkdir('dist', { recursive: true });
  await writeFile('dist/experiment.schema.json', JSON.stringify(experimentSchema(), null, 2));
}

await writeSchema();
buildKernels();
if (flags.watch) {
  for (const bundle of bundles) await (await context({ ...bundle, logLevel: 'info' })).watch();
} else {
  await Promise.all(bundles.map((bundle) => build(bundle)));
}
