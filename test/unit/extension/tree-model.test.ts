import { describe, expect, it } from 'vitest';
import { children, look, nodeId, parent, tooltip, type StoreView } from '../../../extension/tree-model';
import { runLabel } from '../../../extension/run-label';
import type { TrackedRun } from '../../../extension/run-store';
import type { EventBody } from '../../../protocol/events';
import { checkpoint, evaluation, finished, launched, row, started, tracked } from './runs';

function storeWith(
  runs: readonly TrackedRun[],
  { experiments = ['/photos/mae.tessera.jsonc'], broken = [] as [string, string][] } = {},
): StoreView {
  return {
    experiments: new Set(experiments),
    runs: new Map(runs.map((run) => [run.directory, run])),
    broken: new Map(broken),
    runsOf: (file) => runs.filter(({ configFile }) => configFile === file),
  };
}

const finishedRun = tracked([launched, row(4000, 0.042), checkpoint(3500), checkpoint(4000), finished]);

describe('the tree', () => {
  it('goes from experiments to runs to checkpoints, newest first, and back up', () => {
    const store = storeWith([finishedRun]);
    const [experiment] = children(store);
    const [run] = children(store, experiment);
    const steps = children(store, run);
    expect(steps.map((node) => look(store, node)?.label)).toEqual(['step 4,000', 'step 3,500']);
    expect(parent(store, steps[0]!)).toEqual(run);
    expect(parent(store, run!)).toEqual(experiment);
  });

  it('keeps the runs of a config that was deleted', () => {
    const store = storeWith([finishedRun], { experiments: [] });
    expect(look(store, children(store)[0]!)).toMatchObject({
      label: 'mae',
      description: 'config file is gone · 1 run · best loss 0.0420',
      contextValue: 'experiment',
    });
  });

  it('shows what cannot be read, and why', () => {
    const store = storeWith([], {
      experiments: [],
      broken: [['/photos/.tessera/runs/x', 'run.json: is not valid JSON']],
    });
    const [node] = children(store);
    expect(look(store, node!)).toMatchObject({ label: 'x', description: 'cannot be read' });
    expect(tooltip(store, node!)).toContain('is not valid JSON');
  });

  it('shows an experiment without runs', () => {
    const store = storeWith([]);
    expect(look(store, children(store)[0]!)).toMatchObject({ description: 'no runs yet', expandable: false });
  });

  it('gives each node its own id', () => {
    const store = storeWith([finishedRun]);
    const all = [children(store), children(store, children(store)[0])].flat();
    const ids = [...all, ...children(store, all[1])].map(nodeId);
    expect(new Set(ids).size).toBe(4);
  });
});

describe('a run', () => {
  const paused: EventBody = { type: 'status', status: 'paused' };
  it.each<[string, readonly EventBody[], boolean, string, string]>([
    [
      'running',
      [launched, row(1220, 0.05), row(1230, 0.05), row(1240, 0.0421)],
      true,
      'loading~spin',
      '1,240/4,000 · loss 0.0421 · 5 min left',
    ],
    ['paused', [launched, row(1240, 0.0421), paused], true, 'debug-pause', 'loss 0.0421 · 1,240/4,000'],
    ['crashed', [launched, row(1240, 0.0421)], false, 'zap', 'loss 0.0421 · 1,240/4,000'],
    ['finished', [launched, row(4000, 0.0421), finished], false, 'pass', 'loss 0.0421 · 4,000 steps'],
    ['starting', [], true, 'loading~spin', 'starting'],
    [
      'collapsing',
      [launched, row(4000, 0.0421), { type: 'notice', level: 'warning', cause: 'health/std', message: '' }, finished],
      false,
      'pass',
      'loss 0.0421 · 4,000 steps · collapse warning',
    ],
  ])('that is %s', (_, events, alive, icon, description) => {
    const run = tracked(events, { alive });
    const shown = look(storeWith([run]), { kind: 'run', directory: run.directory });
    expect([shown?.icon[0], shown?.description]).toEqual([icon, description]);
  });

  it('spins while one of its checkpoints is judged, though it has finished', () => {
    const judging: EventBody = { type: 'evaluating', step: 4000, kind: 'probe', done: 0.4, message: '' };
    const events = [
      launched,
      row(4000, 0.04),
      checkpoint(4000),
      finished,
      { ...launched, job: 'evaluate' as const },
      judging,
    ];
    const run = tracked(events, { alive: true });
    const store = storeWith([run]);
    expect(look(store, { kind: 'run', directory: run.directory })?.icon[0]).toBe('loading~spin');
    expect(look(store, { kind: 'checkpoint', directory: run.directory, step: 4000 })).toMatchObject({
      description: 'linear probe 40%, step 4,000',
      icon: ['loading~spin', 'charts.blue'],
    });
  });

  it('has a table as its tooltip', () => {
    const run = tracked([launched, row(4000, 0.0421), checkpoint(4000), finished, evaluation(4000, 0.714)]);
    const text = tooltip(storeWith([run]), { kind: 'run', directory: run.directory });
    expect(text).toMatch(/\| Loss \| 0\.0421 \|/);
    expect(text).toMatch(/71\.4%/);
  });

  it('that was deleted meanwhile shows nothing and breaks nothing', () => {
    const store = storeWith([]);
    const gone = { kind: 'run', directory: '/gone' } as const;
    expect([look(store, gone), tooltip(store, gone), children(store, gone), parent(store, gone)]).toEqual([
      undefined,
      undefined,
      [],
      undefined,
    ]);
  });
});

describe('a checkpoint', () => {
  it('shows its size until it has scores', () => {
    const plain = storeWith([finishedRun]);
    const at = { kind: 'checkpoint', directory: finishedRun.directory, step: 4000 } as const;
    expect(look(plain, at)).toMatchObject({ description: '3.2 MB', contextValue: 'checkpoint evaluate' });
    const scored = tracked([launched, checkpoint(4000), finished, evaluation(4000, 0.714)]);
    expect(look(storeWith([scored]), at)?.description).toBe('linear probe 71.4%');
  });
});

describe('the name of a run', () => {
  const at = (year: number, month: number, day: number) => new Date(year, month, day, 9).getTime();
  it.each([
    [at(2026, 10, 23), '18:45'],
    [at(2026, 10, 24), 'Nov 23 18:45'],
    [at(2027, 0, 1), 'Nov 23 2026 18:45'],
  ])('is as short as the day allows', (now, label) => expect(runLabel(started, now)).toBe(label));
});
