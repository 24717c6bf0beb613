import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRunJson } from '../../../extension/run-file';

describe('a file that a journal names', () => {
  let scratch: string;
  let run: string;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'tessera-run-file-'));
    run = join(scratch, 'run');
    await mkdir(join(run, 'media'), { recursive: true });
    await writeFile(join(run, 'media', 'good.json'), '{"step": 10}');
    await writeFile(join(run, 'media', 'torn.json'), '{"step": 1');
    await writeFile(join(run, 'media', 'huge.json'), '');
    await truncate(join(run, 'media', 'huge.json'), 64 * 1024 * 1024);
    await writeFile(join(scratch, 'secret.json'), '{}');
    await symlink(join(scratch, 'secret.json'), join(run, 'media', 'link.json'));
  });
  afterAll(() => rm(scratch, { recursive: true }));

  it('is read', async () => expect(await readRunJson(run, 'media/good.json')).toEqual({ step: 10 }));

  it.each([
    ['../secret.json', /outside the run directory/],
    ['media/../../secret.json', /outside the run directory/],
    ['media\\..\\..\\secret.json', /outside the run directory/],
    ['/etc/passwd', /outside the run directory/],
    ['media/link.json', /leads out of the run directory/],
    ['media/huge.json', /larger than/],
    ['media/torn.json', /JSON/],
    ['media', /not a file|EISDIR/],
    ['media/none.json', /ENOENT/],
  ])('is refused as %s', async (file, message) => {
    await expect(readRunJson(run, file)).rejects.toThrow(message);
  });
});
