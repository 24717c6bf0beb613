/** Reading a `*.tessera.jsonc`, and what can be known to be wrong with it before anything starts. */
import * as jsonc from 'jsonc-parser';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ExperimentConfig } from '../../protocol/config';
import { describeProblems, parseExperiment, parseTree, type Problem } from '../../protocol/validate';

/** The config will not do; the message has one `file:line:column: ...` per problem. */
export class ConfigError extends Error {
  constructor(
    file: string,
    text: string,
    readonly problems: readonly Problem[],
  ) {
    super(describeProblems(file, text, problems));
    this.name = 'ConfigError';
  }
}

/** Reads and judges a config file and looks whether its images are there. Throws `ConfigError` or says why the file cannot be read. */
export async function readConfigFile(file: string): Promise<ExperimentConfig> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file.' : error.message;
    throw new Error(`Cannot read ${file}: ${reason}`, { cause: error });
  });
  return await judgeConfig(file, text);
}

/** The same of a text that is not saved yet. */
export async function judgeConfig(file: string, text: string): Promise<ExperimentConfig> {
  const parsed = parseExperiment(text);
  if (!parsed.ok) throw new ConfigError(file, text, parsed.problems);
  const missing = await missingSources(file, text, parsed.config);
  if (missing.length > 0) throw new ConfigError(file, text, missing);
  return parsed.config;
}

async function missingSources(file: string, text: string, { data }: ExperimentConfig): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const key of ['source', 'testSource'] as const) {
    const value = data[key];
    if (value === undefined || value.startsWith('builtin:')) continue;
    const path = resolve(dirname(file), value);
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) continue;
    const tree = parseTree(text);
    const node = tree && jsonc.findNodeAtLocation(tree, ['data', key]);
    const message = `"data.${key}": there is no folder or file ${path}. Give a folder of images or a data set's file, relative to this file, or "builtin:shapes".`;
    problems.push({
      path: `data.${key}`,
      message,
      offset: node?.offset ?? 0,
      length: node?.length ?? 1,
      source: 'semantic',
    });
  }
  return problems;
}
