// `npm test`: the checks and all four tiers, in a fresh clone too. A tier that fails does not hide the next one; the last
// line counts what the runners reported.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { ensureInstalled } from './install.mjs';
import { ensureCompiler } from './kernels.mjs';
import { packageExtension } from './vsix.mjs';
import { main, root, runAsync } from './process.mjs';

/**
 * @typedef {{passed: number, failed: number, skipped: number, failures: string[]}} Counts
 * @typedef {{name: string, seconds: number, counts: Counts, error?: string}} Outcome
 */

const vitest = join('node_modules', 'vitest', 'vitest.mjs');
/** @type {Counts} */
const nothing = { passed: 0, failed: 0, skipped: 0, failures: [] };

main(async () => {
  ensureInstalled();
  await ensureCompiler();
  const reports = await mkdtemp(join(tmpdir(), 'tessera-test-'));
  /** @type {Outcome[]} */
  const outcomes = [];
  /** @param {string} name @param {() => Promise<Counts>} body */
  const step = async (name, body) => {
    console.log(`\n== ${name}`);
    const started = Date.now();
    /** @type {{counts: Counts, error?: string}} */
    const result = await body().then(
      (counts) => ({ counts }),
      // What ended without a report is a failure that no runner counted.
      (/** @type {Error} */ error) => ({ counts: { ...nothing, failed: 1 }, error: error.message }),
    );
    if (result.error !== undefined) console.error(result.error);
    outcomes.push({ name, seconds: (Date.now() - started) / 1000, ...result });
  };
  try {
    await step('types', () => check('node_modules/typescript/bin/tsc', '-b'));
    await step('lint', () => check('node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0'));
    await step('format', () => check('node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'));
    await step('package', async () => {
      process.env.TESSERA_VSIX = packageExtension();
      process.env.TESSERA_BUILT = '1'; // dist is what has just been packed
      return nothing;
    });
    await step('unit', () => vitestTier('unit', reports));
    await step('trainer', () => vitestTier('trainer', reports));
    await step('vscode', async () => (await import('./vscode-suite.mjs')).runVscodeSuite());
    await step('e2e', () => vitestTier('e2e', reports));
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
  summarise(outcomes);
});

/** @param {string} program @param {string[]} args @returns {Promise<Counts>} */
async function check(program, ...args) {
  const code = await runAsync(process.execPath, [program, ...args]);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed (exit code ${code}).`);
  return nothing;
}

/** @param {string} project @param {string} reports @returns {Promise<Counts>} */
async function vitestTier(project, reports) {
  const file = join(reports, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const code = await runAsync(process.execPath, [vitest, 'run', '--root', root, '--project', project, ...reporters]);
  if (!existsSync(file)) throw new Error(`The ${project} tier ended without a report (exit code ${code}).`);
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const counts = {
    passed: report.numPassedTests,
    failed: report.numFailedTests,
    skipped: report.numPendingTests + report.numTodoTests,
    failures: report.testResults.flatMap(failuresOf),
  };
  // A file that cannot be loaded, or an error outside of every test, fails a run in which no test failed.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** @param {{name: string, assertionResults: {status: string, fullName: string}[]}} file @returns {string[]} */
function failuresOf({ name, assertionResults }) {
  const failed = assertionResults.filter(({ status }) => status === 'failed');
  return failed.map(({ fullName }) => `${relative(root, name)}: ${fullName}`);
}

/** @param {Outcome[]} outcomes */
function summarise(outcomes) {
  const total = { ...nothing };
  console.log('');
  for (const { name, seconds, counts, error } of outcomes) {
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    const ran = counts.passed + counts.failed + counts.skipped > 0;
    const what = error ?? (ran ? describe(counts) : 'done');
    console.log(`${counts.failed > 0 ? '✗' : '✓'} ${name.padEnd(8)} ${seconds.toFixed(0).padStart(4)} s  ${what}`);
    // Named again here, since where a log is cut only its end is left.
    for (const failure of counts.failures) console.log(`    ✗ ${failure}`);
  }
  console.log(`\n${describe(total)}`);
  if (total.failed > 0) process.exitCode = 1;
}

/** @param {Counts} counts */
function describe({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
