/** Bad luck and bad will, tried on real trainers: disks, images and checkpoints that nobody wishes for. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readOwner, readRun, runsFolder } from '../../client/index';
import { hugePng } from '../unit/data/huge-png';
import { ended, follow, kill, project, sha256, start, tiny, tinyWith, train, trainerPath } from './support';

const asRoot = process.getuid?.() === 0;

describe('image files that are none', () => {
  const bad = {
    'a/empty.png': '',
    'a/huge.png': hugePng(30_000),
    'b/cut.jpg': Buffer.alloc(0),
    'b/text.webp': 'not an image',
  };

  async function images(config: { maxBadFiles: number; train?: number }): Promise<string> {
    const file = await project(
      tinyWith(
        { steps: 2, batchSize: config.train ?? 16 },
        { data: { source: 'images', imageSize: 32, ...config }, finetune: { batchSize: 2 } },
      ),
    );
    const put = async (name: string, content: string | Buffer) => {
      await mkdir(dirname(join(dirname(file), 'images', name)), { recursive: true });
      await writeFile(join(dirname(file), 'images', name), content);
    };
    for (let i = 0; i < 40; i++) {
      const background = { r: 6 * i, g: 90, b: 200 };
      const picture = sharp({ create: { width: 40, height: 40, channels: 3, background } });
      await put(`${i % 2 ? 'a' : 'b'}/${i}.png`, await picture.png().toBuffer());
    }
    for (const [name, content] of Object.entries(bad)) await put(name, content);
    const whole = await sharp({ create: { width: 200, height: 200, channels: 3, background: '#345' } })
      .jpeg()
      .toBuffer();
    await put('b/cut.jpg', whole.subarray(0, whole.length / 2));
    return file;
  }

  it('are left out up to the share that the config lets pass, each named with its reason', async () => {
    const run = await ended((await start('pretrain', await images({ maxBadFiles: 0.5 }))).directory);
    expect(run).toMatchObject({ status: 'finished', step: 2 });
    const { message } = run.notices.find(({ level }) => level === 'warning')!;
    expect(message).toMatch(/^4 unreadable image files were left out:/);
    expect(message).toContain('a/empty.png: the file is empty');
    expect(message).toContain('a/huge.png: 30000 x 30000 px is over the limit of 100 megapixels; shrink it');
    expect(message).toMatch(/b\/cut\.jpg: damaged or truncated \(.+\)/);
    expect(message).toContain('b/text.webp: not a JPEG, PNG, WebP, GIF or TIFF image');
  });

  it('end the run above that share, by name, field and fix', async () => {
    const run = await ended((await start('pretrain', await images({ maxBadFiles: 0.01 }))).directory);
    expect(run.status).toBe('failed');
    expect(run.reason).toMatch(
      /^data\.source: at least \d of .* more than data\.maxBadFiles \(0\.01\) lets pass:\n {2}[ab]\//,
    );
    expect(run.reason).toMatch(/Repair or remove them, or raise data\.maxBadFiles$/);
  });

  it('more classes than images are an error of the field that made it so', async () => {
    const run = await ended((await start('pretrain', await images({ maxBadFiles: 0.5, train: 1 }))).directory);
    expect(run).toMatchObject({
      status: 'failed',
      reason: expect.stringMatching(/^data\.train: 1 training image for 2 classes\. /) as string,
    });
  });
});

it('a checkpoint whose header claims more than there is, checksum and all, is set aside by name', async () => {
  const { directory, pid } = await start('pretrain', await project(tinyWith({ steps: 100_000 })));
  const { until } = await follow(directory);
  await until(({ run }) => run.checkpoints.length >= 2);
  kill(pid);
  await until(({ alive }) => !alive);
  const steps = (await readdir(join(directory, 'checkpoints'))).filter((name) => name.startsWith('step-')).sort();
  const folder = join(directory, 'checkpoints', steps.at(-1)!);
  const model = join(folder, 'model.safetensors');
  const bytes = await readFile(model);
  const honest = createHash('sha256').update(bytes).digest('hex');
  bytes.writeBigUInt64LE(2n ** 63n);
  await writeFile(model, bytes);
  const state = await readFile(join(folder, 'state.json'), 'utf8');
  expect(state).toContain(honest);
  await writeFile(join(folder, 'state.json'), state.replace(honest, await sha256(model)));

  const resumed = await start('resume', directory);
  const { run } = await until(({ run }) => run.status === 'running' && run.notices.length > 0);
  expect(run.notices[0]!.message).toContain(
    `${model} is not a usable safetensors file: its header says it is 9223372036854775808 bytes long, more than the file holds.`,
  );
  kill(resumed.pid);
});

describe.runIf(process.platform === 'linux')('on a machine without a GPU, or one whose drivers are hidden', () => {
  beforeAll(() => {
    for (const name of ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES']) vi.stubEnv(name, '/no/such/driver.json');
  });
  afterAll(() => void vi.unstubAllEnvs());

  it('one that is asked for by name fails the run with the fix, and auto trains on the CPU', async () => {
    const { run: asked } = await train(tinyWith({ steps: 2 }, { device: 'webgpu' }));
    expect(asked.status).toBe('failed');
    expect(asked.reason).toMatch(/^"device" is "webgpu", which does not work here: .*\. Say "cpu" or "auto"\.$/s);
    const { run: any } = await train(tinyWith({ steps: 2 }, { device: 'auto' }));
    expect(any).toMatchObject({ status: 'finished', step: 2, engine: expect.stringMatching(/CPU/) as string });
  });
});

// Elsewhere a process cannot be held to a size.
it.runIf(process.platform === 'linux')('a model that outgrows the memory there is fails by field and fix', async () => {
  const pretrain = {
    backbone: { patchSize: 4, width: 512, depth: 4, heads: 4 },
    decoder: { width: 256, depth: 2, heads: 4 },
    batchSize: 512,
    steps: 3,
  };
  const data = { source: 'builtin:shapes', imageSize: 64, train: 512, test: 10 };
  const file = await project({ data, device: 'cpu', pretrain });
  const limited = ['-c', 'ulimit -v 4000000 && exec "$@"', 'bash', process.execPath, trainerPath, 'pretrain', file];
  const { status, stdout } = spawnSync('bash', limited);
  const { ready } = JSON.parse(stdout.toString()) as { ready: { runDirectory: string } };
  expect(await readRun(ready.runDirectory)).toMatchObject({
    status: 'failed',
    reason: expect.stringMatching(
      /^The model does not fit into memory: lower pretrain\.batchSize, pretrain\.backbone\.width or pretrain\.backbone\.depth\. \(/,
    ) as string,
  });
  expect(status).toBe(1);
});

describe('callers that do not say hello', () => {
  const message = (body: string) => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const request = (method: string, params: object) =>
    message(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  const junk = Buffer.alloc(1 << 20, 'a');
  let live: { directory: string; pid: number };
  let socket: string;
  beforeAll(async () => {
    const steps = { steps: 1_000_000, checkpointEvery: 1_000_000, picturesEvery: 1_000_000 };
    live = await start('pretrain', await project(tinyWith(steps)));
    socket = (await readOwner(live.directory))!.socket;
  });
  afterAll(() => kill(live.pid));

  /** Says `first`, then junk without end. Resolves, when the trainer has hung up, to what it said and took. */
  function call(first: string): Promise<{ answer: string; taken: number }> {
    return new Promise((resolve) => {
      let answer = '';
      const caller = createConnection(socket, () => {
        caller.write(first);
        const more = () => {
          while (caller.writable && caller.write(junk));
        };
        caller.on('drain', more);
        more();
      });
      caller.on('data', (data: Buffer) => (answer += data.toString()));
      caller.on('error', () => {});
      caller.on('close', () => resolve({ answer, taken: caller.bytesWritten - caller.writableLength }));
    });
  }

  it.each([
    ['a request without hello', request('stop', {})],
    ['a wrong token', request('hello', { token: '0', protocol: 1 })],
    ['a token that is none', request('hello', { token: { length: 32 }, protocol: 1 })],
    ['a message longer than memory', 'Content-Length: 999999999999\r\n\r\n'],
    ['a length below zero', 'Content-Length: -5\r\n\r\n{}'],
    ['no header at all', ''],
    ['a value nested a million deep', message('['.repeat(1e6))],
  ])('are hung up on, and the training goes on: %s', async (_, first) => {
    const { answer, taken } = await call(first);
    expect(answer).toBe('');
    expect(taken).toBeLessThan(8 << 20);
    const { feed, until } = await follow(live.directory);
    const from = feed.current().run.step;
    const { run } = await until(({ run, alive }) => !alive || run.step > from);
    expect(run.status).toBe('running');
    feed.dispose();
  });
});

/** Why a disk of our own cannot be mounted here; undefined where it can. */
function whyNoMount(): string | undefined {
  if (process.platform !== 'linux') return `not on ${process.platform}`;
  if (!asRoot) return 'only root may mount';
  const { status, stderr } = spawnSync('sh', [
    '-c',
    'd=$(mktemp -d) && mount -t tmpfs tessera-test "$d" && umount "$d" && rmdir "$d"',
  ]);
  return status === 0 ? undefined : stderr.toString().trim();
}
const noMount = whyNoMount();

describe.skipIf(noMount)(`a real small disk${noMount ? ` (skipped: ${noMount})` : ''}`, () => {
  const config = tinyWith({ steps: 60, checkpointEvery: 5, keepCheckpoints: 1000, picturesEvery: 1000 });
  let disk: string;
  let file: string;
  const mount = (...options: string[]) => execFileSync('mount', [...options, disk]);
  beforeAll(async () => {
    disk = await realpath(await mkdtemp(join(tmpdir(), 'tessera-disk-')));
    file = join(disk, 'tiny.tessera.jsonc');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tessera-test', disk]);
    await writeFile(file, JSON.stringify(config));
  });
  afterAll(async () => {
    // Lazily: a trainer that has given its run up may take a moment to end.
    execFileSync('umount', ['-l', disk]);
    await rm(disk, { recursive: true });
  });

  it('that fills up fails the run by name; with room again it ends with the weights of a run that had it', async () => {
    const { directory } = await start('pretrain', file);
    const full = await ended(directory);
    expect(full.status).toBe('failed');
    expect(full.reason).toMatch(
      /^Cannot write checkpoints\/step-\d{6} in .*: the disk is full\. Free some space, then resume\.$/,
    );
    expect(full.checkpoints.length).toBeGreaterThan(0);
    for (const { path } of full.checkpoints) expect(existsSync(join(directory, path, 'state.json'))).toBe(true);

    mount('-o', 'remount,size=64m');
    await start('resume', directory);
    const run = await ended(directory);
    expect(run).toMatchObject({ status: 'finished', step: 60 });
    const roomy = await train(config);
    const weights = (folder: string) => sha256(join(folder, 'checkpoints', 'step-000060', 'model.safetensors'));
    expect(await weights(directory)).toBe(await weights(roomy.directory));
  });

  it('that has no room from the start, or none for the decoded images, is named before anything is made', async () => {
    await rm(join(disk, '.tessera'), { recursive: true });
    mount('-o', 'remount,size=300k');
    await writeFile(join(disk, 'ballast'), Buffer.alloc(120_000));
    const noCache = await ended((await start('pretrain', file)).directory);
    expect(noCache.reason).toBe(
      `cannot keep the decoded images in ${join(disk, '.tessera', 'cache')}: no space left on the disk. Make room there, or make it writable`,
    );

    await rm(join(disk, '.tessera'), { recursive: true });
    await writeFile(join(disk, 'ballast'), Buffer.alloc(400_000)).catch(() => {});
    await expect(start('pretrain', file)).rejects.toThrow(
      /^Cannot (create|write) .*\.tessera.*: the disk is full\. Free some space, then /,
    );
    expect(existsSync(runsFolder(file)) ? await readdir(runsFolder(file)) : []).toEqual([]);
    await rm(join(disk, 'ballast'));
  });

  it('that is read-only is named, for a new run and for one to go on with', async () => {
    mount('-o', 'remount,size=64m');
    const { directory, pid } = await start('pretrain', file);
    const { until, feed } = await follow(directory);
    await until(({ run }) => run.checkpoints.length > 0);
    kill(pid);
    await until(({ alive }) => !alive);
    feed.dispose();
    mount('-o', 'remount,ro');
    await expect(start('resume', directory)).rejects.toThrow(`Cannot write in ${directory}: the disk is read-only.`);
    await expect(start('pretrain', file)).rejects.toThrow(
      /^Cannot (create|write) .*\.tessera.*: the disk is read-only\.$/,
    );
    mount('-o', 'remount,rw');
    await start('resume', directory);
    expect(await ended(directory)).toMatchObject({ status: 'finished', step: 60 });
  });
});

/** Root may write anywhere, so it asks as nobody, who may read the program only where the checkout is open. */
const nobody = 65534;
const asOther = asRoot ? { uid: nobody, gid: nobody } : {};
const readable = spawnSync(
  process.execPath,
  ['-e', `require('fs').accessSync(${JSON.stringify(trainerPath)})`],
  asOther,
);
const noOther =
  process.platform === 'win32'
    ? 'not on Windows'
    : readable.status === 0
      ? undefined
      : 'nobody may not read the checkout';

it.skipIf(noOther)(
  `a folder that one may only read is named, with what to do${noOther ? ` (skipped: ${noOther})` : ''}`,
  async () => {
    const file = await project(tiny);
    await chmod(dirname(file), 0o555);
    const child = spawn(process.execPath, [trainerPath, 'pretrain', file], { ...asOther, cwd: '/' });
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    await chmod(dirname(file), 0o755);
    expect((JSON.parse(output) as { error: { message: string } }).error.message).toBe(
      `Cannot create ${join(dirname(file), '.tessera', 'starting')}: you may not write there. Check the permissions of the folder.`,
    );
    expect(code).toBe(1);
    expect(await readdir(dirname(file))).toEqual(['tiny.tessera.jsonc']);
  },
);
