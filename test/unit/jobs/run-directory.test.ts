import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readManifest } from '../../../client/index';
import { ExperimentConfig } from '../../../protocol/config';
import { createRunDirectory } from '../../../trainer/jobs/run-directory';

it.runIf(process.platform !== 'win32')('asks a repository for its state without running what it names', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-repository-'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', folder, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args]);
  git('init', '--quiet');
  git('commit', '--quiet', '--allow-empty', '--message', 'empty');
  const ran = join(folder, 'ran');
  await writeFile(join(folder, 'hook.sh'), `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  git('config', 'core.fsmonitor', join(folder, 'hook.sh'));
  git('status');
  expect(existsSync(ran)).toBe(true);
  await rm(ran);

  const config = ExperimentConfig.parse({ data: { source: 'builtin:shapes' } });
  const directory = await createRunDirectory(join(folder, 'a.tessera.jsonc'), config, () => Promise.resolve());
  expect((await readManifest(directory)).git).toEqual({
    commit: expect.stringMatching(/^[0-9a-f]{40}/) as string,
    dirty: false,
  });
  expect(existsSync(ran)).toBe(false);
  await rm(folder, { recursive: true });
});
