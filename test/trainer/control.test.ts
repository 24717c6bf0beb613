import { existsSync } from 'node:fs';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  connect,
  journalPath,
  listRuns,
  logPath,
  ownerPath,
  processBirth,
  readOwner,
  readRun,
  runsFolder,
} from '../../client/index';
import { EvaluationSettings } from '../../protocol/config';
import type { RunEvent } from '../../protocol/events';
import { ended, follow, kill, project, start, tinyWith } from './support';

/** Long enough that the test, not the trainer, ends it. */
const long = tinyWith({ steps: 100_000, checkpointEvery: 100_000, picturesEvery: 100_000 });

describe('a live trainer', () => {
  it('pauses, goes on, writes a checkpoint when asked, and stops at one', async () => {
    const { directory } = await start('pretrain', await project(long));
    const { feed, until, events } = await follow(directory);
    await until(({ run }) => run.step > 0);

    await feed.request('pause', null);
    await until(({ liveStatus }) => liveStatus === 'paused');
    const { step } = await feed.request('checkpoint', null);
    const paused = await until(({ run }) => run.checkpoints.some((checkpoint) => checkpoint.step === step));
    expect(paused.liveStatus).toBe('paused');

    await feed.request('resume', null);
    await until(({ run, liveStatus }) => liveStatus === 'running' && run.step > step);
    await feed.request('stop', null);
    const { run } = await until(({ alive }) => !alive);
    expect(run.status).toBe('stopped');
    expect(run.checkpoints.at(-1)!.step).toBeGreaterThan(step);
    expect(existsSync(join(directory, run.checkpoints.at(-1)!.path, 'model.safetensors'))).toBe(true);
    expect(existsSync(ownerPath(directory))).toBe(false);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i));
  });

  it('evaluates when asked, and goes on training', async () => {
    const { directory } = await start('pretrain', await project(long));
    const { feed, until } = await follow(directory);
    await until(({ run }) => run.step > 0);
    const settings = EvaluationSettings.parse({ probe: { k: 3, labels: [0.5, 1] }, finetune: {} });
    await feed.request('evaluate', { kinds: ['knn'], settings });
    const scored = await until(({ run }) => run.evaluations.length === 2 && run.evaluating === undefined);
    for (const { evaluation } of scored.run.evaluations) {
      expect(evaluation).toMatchObject({ kind: 'knn', comparison: { baseline: { name: 'random init' } } });
      expect(evaluation.protocol).toContain('k 3,');
    }
    await until(({ run }) => run.step > scored.run.step);
    await feed.request('stop', null);
    await until(({ alive }) => !alive);
  });

  it('loses nobody who leaves and comes back: the reopened feed has every event once', async () => {
    const { directory } = await start('pretrain', await project(long));
    const all: RunEvent[][] = [];
    for (let visit = 0; visit < 3; visit++) {
      const { feed, until, events } = await follow(directory);
      const from = feed.current().run.step;
      await until(({ run }) => run.step > from + 20);
      feed.dispose();
      all.push([...events]);
    }
    const { feed, until } = await follow(directory);
    await feed.request('stop', null);
    await until(({ alive }) => !alive);
    const truth = (await readFile(journalPath(directory), 'utf8')).trim().split('\n');
    const written = truth.map((line) => JSON.parse(line) as RunEvent);
    for (const events of all) expect(events).toEqual(written.slice(0, events.length));
  });

  it('ends when its run is deleted, and does not bring it back', async () => {
    const { directory, pid } = await start('pretrain', await project(long));
    const { feed, until } = await follow(directory);
    await until(({ run }) => run.step > 0);
    feed.dispose();
    // Kept open, as a deleted file can be: what the trainer says at its end.
    const log = await open(logPath(directory));
    await rm(directory, { recursive: true, maxRetries: 5 });
    while (processBirth(pid) !== undefined) await sleep(20);
    expect(existsSync(directory)).toBe(false);
    expect(await log.readFile('utf8')).toContain(`${directory} was deleted or moved while it was at work`);
    await log.close();
  });

  it('ends at a checkpoint as interrupted when the system ends it', async () => {
    const { directory, pid } = await start('pretrain', await project(long));
    const { until } = await follow(directory);
    await until(({ run }) => run.step > 0);
    process.kill(pid, 'SIGTERM');
    const { run } = await until(({ alive }) => !alive);
    expect(run.status).toBe('interrupted');
    expect(run.reason).toMatch(/SIGTERM/);
    expect(run.checkpoints).toHaveLength(1);
  });

  it('lets nobody in without the token', async () => {
    const { directory } = await start('pretrain', await project(long));
    const owner = (await readOwner(directory))!;
    const file = ownerPath(directory);
    if (process.platform !== 'win32') {
      expect((await stat(owner.socket)).mode & 0o777).toBe(0o600);
      expect((await stat(dirname(owner.socket))).mode & 0o777).toBe(0o700);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'stop' });
    await new Promise<void>((resolve) => {
      const socket = createConnection(owner.socket, () => {
        socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
      });
      socket.on('close', () => resolve()).on('error', () => {});
    });

    await writeFile(file, JSON.stringify({ ...owner, token: '0'.repeat(owner.token.length) }));
    await expect(connect(directory)).rejects.toThrow();
    await writeFile(file, JSON.stringify(owner));

    const connection = await connect(directory);
    await connection.request('stop', null);
    expect((await ended(directory)).status).toBe('stopped');
  });
});

describe('two who want the same', () => {
  it('a second start of an experiment is refused by naming the live run, unless it is wanted', async () => {
    const file = await project(long);
    const first = await start('pretrain', file);
    const { runId } = (await readRun(first.directory)).manifest;
    await expect(start('pretrain', file)).rejects.toThrow(`is already running as ${runId}`);
    const second = await start('pretrain', file, '--again');
    expect(second.directory).not.toBe(first.directory);
    for (const { pid } of [first, second]) kill(pid);
  });

  it('of two starts at the same moment one wins', async () => {
    const file = await project(long);
    const results = await Promise.allSettled([start('pretrain', file), start('pretrain', file)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await listRuns(runsFolder(file))).runs).toHaveLength(1);
    for (const result of results) if (result.status === 'fulfilled') kill(result.value.pid);
  });

  it('a run that is alive cannot be resumed by another, one that died can, and its socket is cleared away', async () => {
    const { directory, pid } = await start('pretrain', await project(long));
    await expect(start('resume', directory)).rejects.toThrow(`is in use by process ${pid}`);
    const { socket } = (await readOwner(directory))!;
    kill(pid);
    await ended(directory);
    expect(existsSync(socket)).toBe(process.platform !== 'win32');

    const resumed = await start('resume', directory);
    expect(existsSync(socket)).toBe(false);
    expect((await readOwner(directory))!.pid).toBe(resumed.pid);
    kill(resumed.pid);
  });
});
