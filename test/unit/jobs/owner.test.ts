import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownerAlive, ownerPath, readOwner } from '../../../client/index';
import type { Owner } from '../../../protocol/control';
import { claim, newToken, OwnedError, selfAsOwner } from '../../../trainer/jobs/owner';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tessera-owner-'));
});
afterEach(async () => await rm(directory, { recursive: true }));

const living = () => selfAsOwner('/tmp/tessera-0/00.sock', newToken());
/** A process that was: no system gives out number 2^22 + 1. */
const dead = (): Owner => ({ ...living(), pid: 4_194_305 });
const sign = async (owner: Owner) => await writeFile(ownerPath(directory), JSON.stringify(owner));

describe('owning a directory', () => {
  it('the owner is named, nobody else can claim, and after the release the next one can', async () => {
    const first = living();
    const ownership = await claim(directory, first);
    expect(await readOwner(directory)).toEqual(first);
    await expect(claim(directory, living())).rejects.toBeInstanceOf(OwnedError);
    await ownership.release(directory);
    expect(await readdir(directory)).toEqual([]);

    const second = living();
    await claim(directory, second);
    expect(await readOwner(directory)).toEqual(second);
  });

  it('of many who come at once, one gets an unowned directory', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => claim(directory, living())));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(directory)).toEqual(['owner.json']);
  });

  it('of many who come at once, one succeeds a dead owner', async () => {
    for (let round = 0; round < 20; round++) {
      await sign(dead());
      const claimants = Array.from({ length: 8 }, () => living());
      const results = await Promise.allSettled(claimants.map((owner) => claim(directory, owner)));
      const winners = claimants.filter((_, i) => results[i]!.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      expect(await readOwner(directory)).toEqual(winners[0]);
      expect(await readdir(directory)).toEqual(['owner.json']);
      await rm(ownerPath(directory));
    }
  });

  it('a successor that died halfway has a successor in turn', async () => {
    const first = dead();
    const second = dead();
    await sign(first);
    await writeFile(join(directory, `owner-after-${first.token}.json`), JSON.stringify(second));
    const third = living();
    await claim(directory, third);
    expect(await readOwner(directory)).toEqual(third);
    expect(await readdir(directory)).toEqual(['owner.json']);
  });

  it('a successor that lives is respected before it has moved its file', async () => {
    const first = dead();
    await sign(first);
    await writeFile(join(directory, `owner-after-${first.token}.json`), JSON.stringify(living()));
    await expect(claim(directory, living())).rejects.toBeInstanceOf(OwnedError);
  });

  it.each(['', '{', '{"pid": "1"}', JSON.stringify({ ...living(), token: '../../x' })])(
    'an owner.json that nobody can have signed is moved aside: %s',
    async (text) => {
      await writeFile(ownerPath(directory), text);
      const owner = living();
      await claim(directory, owner);
      expect(await readOwner(directory)).toEqual(owner);
      const aside = (await readdir(directory)).find((name) => name.includes('unreadable'))!;
      expect(await readFile(join(directory, aside), 'utf8')).toBe(text);
    },
  );
});

describe('whether an owner lives', () => {
  it('this process does, one that has gone does not', async () => {
    await sign(living());
    expect(await ownerAlive(living(), ownerPath(directory))).toBe(true);
    expect(await ownerAlive(dead(), ownerPath(directory))).toBe(false);
  });

  it('a number that was given to another process is not the owner', async () => {
    const reused = { ...living(), birth: process.platform === 'linux' ? 'another boot/123' : undefined };
    expect(await ownerAlive(reused, ownerPath(directory))).toBe(false);
  });

  it('on another machine it lives while it touches its file', async () => {
    const far = { ...dead(), host: 'another machine' };
    await sign(far);
    expect(await ownerAlive(far, ownerPath(directory))).toBe(true);
    expect(await ownerAlive(far, join(directory, 'no file'))).toBe(false);
  });
});
