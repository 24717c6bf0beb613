/** Trainings that collapse by what their config says, and one that does not. */
import { describe, expect, it } from 'vitest';
import { standingWarnings } from '../../protocol/run';
import { kill, ended, follow, project, start, tiny, train } from './support';

const { backbone } = tiny.pretrain;
const collapsing = (pretrain: object) => ({
  ...tiny,
  data: { ...tiny.data, train: 256, test: 64 },
  pretrain: {
    backbone,
    batchSize: 32,
    steps: 260,
    logEvery: 5,
    checkpointEvery: 30,
    picturesEvery: 1000,
    embedEvery: 1000,
    healthEvery: 65,
    ...pretrain,
  },
});
const head = { hidden: 64, bottleneck: 16, prototypes: 64 };
const dino = { method: 'dino', head, localViews: 0 };
// A teacher hardly sharper than the student, that follows it fast.
const blunt = {
  ...dino,
  teacherTemperature: [0.099, 0.099],
  teacherMomentum: 0.9,
  optimizer: { baseLr: 0.02 },
};
const contrast = { method: 'simclr', projector: { hidden: 64, output: 32 } };
const warnings = ({ notices }: Awaited<ReturnType<typeof train>>['run']) =>
  notices.filter(({ cause }) => cause !== undefined);

describe('the health of a representation', () => {
  it('is logged from the first step on, and a healthy run is not warned of', async () => {
    const { run } = await train(collapsing(contrast));
    for (const name of ['std', 'rankme', 'effective_rank', 'lidar', 'uniformity', 'alignment'])
      expect(run.metrics[`health/${name}`]!.steps).toEqual([1, 65, 130, 195, 260]);
    expect(run.metrics['health/lidar']!.values.at(-1)).toBeGreaterThan(1);
    expect(run.metrics['health/std']!.values.at(-1)).toBeGreaterThan(0.2);
    expect(warnings(run)).toEqual([]);
  });

  it('is warned of when DINO takes all prototypes alike, naming the teacher’s temperature', async () => {
    const { run } = await train(collapsing(blunt));
    const [warning, ...more] = warnings(run);
    expect(more).toEqual([]);
    expect(warning).toMatchObject({ level: 'warning', cause: 'train/assignment_entropy' });
    expect(warning!.message).toContain('lower pretrain.teacherTemperature, which reaches 0.099');
    expect(warning!.message).toContain('raise pretrain.teacherMomentum, now 0.9');
    expect(standingWarnings(run)).toHaveLength(1);
  });

  it('is warned of when updates are so large that SimCLR’s embeddings fall into one', async () => {
    const { run } = await train(collapsing({ ...contrast, steps: 300, optimizer: { baseLr: 300, warmup: 0 } }));
    const found = warnings(run).filter(({ level }) => level === 'warning');
    expect(found.length).toBeGreaterThan(0);
    for (const { message } of found) expect(message).toMatch(/lower pretrain\.optimizer\.baseLr, now 300/i);
  });

  it('is not warned of again when the run was killed and resumed', async () => {
    const { directory, pid } = await start('pretrain', await project(collapsing(blunt)));
    const { until, feed } = await follow(directory);
    await until(({ run, alive }) => standingWarnings(run).length > 0 || !alive);
    kill(pid);
    await until(({ alive }) => !alive);
    feed.dispose();
    await start('resume', directory);
    const run = await ended(directory);
    expect(run.status).toBe('finished');
    expect(warnings(run)).toHaveLength(1);
  });
});
