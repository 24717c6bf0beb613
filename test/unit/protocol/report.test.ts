import { describe, expect, it } from 'vitest';
import { boardOf, curvesByLabels, curvesByStep } from '../../../protocol/board';
import { comparisonMarkdown, compareRuns } from '../../../protocol/compare';
import type { Comparison, Evaluation, EventBody, RunManifest } from '../../../protocol/events';
import { reportMarkdown, reportOf } from '../../../protocol/report';
import { applyEvent, emptyRun, type Run } from '../../../protocol/run';

const manifest: RunManifest = {
  version: 1,
  runId: 'run-1',
  experiment: '<img src=x>',
  configFile: 'a.tessera.jsonc',
  config: {
    seed: 3,
    data: { source: 'builtin:shapes', imageSize: 32 },
    pretrain: { method: 'simclr', batchSize: 64, backbone: { type: 'vit', patchSize: 4, width: 64, depth: 4 } },
  },
  createdAt: 0,
  versions: {},
};

const around = (value: number) => ({ value, interval: [value - 0.012, value + 0.012] as const });

function comparison(value: number, baseline: number, metric: Comparison['metric'] = 'accuracy'): Comparison {
  const gain = metric === 'accuracy' ? value - baseline : baseline - value;
  return { metric, score: around(value), baseline: { name: 'random init', ...around(baseline) }, gain: around(gain) };
}

function probe(value: number, more: Partial<Evaluation> = {}): Evaluation {
  return {
    ...{ kind: 'probe', protocol: 'linear', labels: 1, trainImages: 1000, testImages: 500, classes: 10, seconds: 12 },
    comparison: comparison(value, 0.4),
    ...more,
  };
}

const scored = (step: number, evaluation: Evaluation): EventBody => ({ type: 'evaluation', step, evaluation });

function runOf(bodies: readonly EventBody[], more: Partial<RunManifest> = {}): Run {
  const events = bodies.map((body, seq) => ({ ...body, seq, time: seq }));
  return events.reduce(applyEvent, emptyRun({ ...manifest, ...more }));
}

const clustering = probe(0.5, {
  kind: 'cluster',
  labels: 0,
  measures: { nmi: { score: 0.41, baseline: 0.1 } },
});
const pretext = (loss: number) => probe(0, { kind: 'pretext', labels: 0, comparison: comparison(loss, 4, 'loss') });
const judged = runOf([
  { type: 'launched', job: 'pretrain', pid: 1, fromStep: 0, totalSteps: 2000, engine: 'onnx, CPU' },
  scored(2000, probe(0.714, { protocol: 'linear, lr 0.1' })),
  scored(2000, probe(0.6, { labels: 0.1, trainImages: 100 })),
  scored(100, probe(0.5, { protocol: 'linear, lr 0.3' })),
  scored(100, clustering),
  scored(100, pretext(3.5)),
  scored(2000, pretext(1.25)),
  { type: 'report', file: 'evaluations/report.json', leftOut: ['transfer of step 100: there is no other data set'] },
]);
const figures = [{ step: 2000, title: 'linear probe: what is taken for what', png: 'media/probe 1.png' }];
const report = reportOf(judged, { figures, time: 0 });

describe('the table of baselines', () => {
  const board = boardOf(judged.evaluations);

  it('has one row per protocol and share of labels, whatever was chosen by validation, and one column per step', () => {
    expect(board.steps).toEqual([100, 2000]);
    expect(board.rows.map(({ name }) => name)).toEqual([
      'pretext task, loss',
      'linear probe',
      'linear probe, 10% labels',
      'clustering',
    ]);
    expect(board.rows[1]!.cells.map((cell) => cell?.evaluation.protocol)).toEqual(['linear, lr 0.3', 'linear, lr 0.1']);
    expect(board.rows[2]!.cells[0]).toBeUndefined();
  });

  it('marks the best of several: the most of an accuracy, the least of a loss', () => {
    expect(board.rows.map(({ best }) => best)).toEqual([1, 1, undefined, undefined]);
    const worse = boardOf(runOf([scored(1, pretext(1)), scored(2, pretext(2))]).evaluations);
    expect(worse.rows[0]!.best).toBe(0);
  });

  it('shows the newest of several answers', () => {
    const again = runOf([scored(1, probe(0.5, { protocol: 'a' })), scored(1, probe(0.6, { protocol: 'b' }))]);
    expect(boardOf(again.evaluations).rows[0]!.cells[0]!.evaluation.protocol).toBe('b');
  });

  it('gives curves by step and by share of the labels, where there are two points', () => {
    const bySteps = curvesByStep(board).map(({ name, points }) => [name, points.map(({ at }) => at)]);
    expect(bySteps).toEqual([
      ['pretext task, loss', [100, 2000]],
      ['linear probe', [100, 2000]],
    ]);
    const [few, ...others] = curvesByLabels(board, 2000);
    expect(others).toEqual([]);
    expect(few!.name).toBe('linear probe');
    expect(few!.points.map(({ at, trainImages, score }) => [at, trainImages, score.value])).toEqual([
      [0.1, 100, 0.6],
      [1, 1000, 0.714],
    ]);
    expect(curvesByLabels(board, 100)).toEqual([]);
  });
});

describe('a report', () => {
  const text = reportMarkdown(report, '..');

  it('says what was trained, and of each checkpoint what it scored, beside its baseline and with its intervals', () => {
    expect(text).toContain(
      'simclr, vit, patch 4, width 64, depth 4; builtin:shapes, 32 px; batches of 64, 2,000 steps, seed 3; onnx, CPU',
    );
    expect(text).toContain('## Step 100');
    expect(text).toContain(
      '| linear probe | 71.4% \\(70.2–72.6\\) | random init 40.0% \\(38.8–41.2\\) | \\+31.4 \\(\\+30.2 to \\+32.6\\) | linear, lr 0.1 |',
    );
    expect(text).toContain('## Step 2,000');
    expect(text).toContain('NMI 0.410 \\(random init 0.100\\)');
  });

  it('compares several checkpoints, the best of a row in bold, and not one alone', () => {
    expect(text).toContain('| evaluation | step 100 | step 2,000 |');
    expect(text).toContain('| linear probe | 50.0% \\(48.8–51.2\\) | **71.4% \\(70.2–72.6\\)** |');
    expect(text).toContain('| clustering: NMI | 0.410 |  |');
    expect(reportMarkdown(reportOf(judged, { steps: [100], time: 0 }))).not.toContain('By checkpoint');
  });

  it('has the scores with few labels', () => {
    expect(text).toContain('| linear probe: labels | images | score | random init |');
    expect(text).toContain('| 10% | 100 | 60.0% \\(58.8–61.2\\) | 40.0% \\(38.8–41.2\\) |');
    expect(text).toContain('| 100% | 1,000 |');
  });

  it('links the pictures that there are, from where it lies', () => {
    expect(text).toContain('![linear probe: what is taken for what](../media/probe%201.png)');
    expect(reportMarkdown(report)).not.toContain('![');
  });

  it('names what was left out, and why', () => {
    expect(text).toMatch(/## Left out\n\n- transfer of step 100: there is no other data set/);
  });

  it('holds no markup of a name', () => {
    expect(text).not.toMatch(/(?<!\\)</);
  });

  it('says that nothing was judged, and makes do with a config that it does not understand', () => {
    const empty = reportOf(runOf([], { config: null }), { time: 0 });
    expect(reportMarkdown(empty)).toContain('Nothing was judged yet.');
    expect(empty.facts).toEqual({ method: 'unknown', backbone: 'unknown', data: 'unknown' });
  });
});

describe('runs side by side', () => {
  const other = reportOf(
    runOf([scored(500, probe(0.8)), scored(500, { ...clustering, measures: { nmi: { score: 0.7 } } })], {
      runId: 'run-2',
      experiment: 'mae',
    }),
    { time: 0 },
  );
  const nothing = reportOf(runOf([], { runId: 'run-3' }), { time: 0 });
  const compared = compareRuns([report, other, nothing], 0);

  it('are judged by their newest checkpoint, a gap where a protocol is missing', () => {
    expect(compared.columns).toEqual(['pretext task, loss', 'linear probe', 'linear probe, 10% labels', 'clustering']);
    expect(
      compared.rows.map(({ runId, step, scores }) => [runId, step, scores.map((one) => one?.score.value)]),
    ).toEqual([
      ['run-1', 2000, [1.25, 0.714, 0.6, undefined]],
      ['run-2', 500, [undefined, 0.8, undefined, 0.5]],
    ]);
  });

  it('stand in one table of scores, one of gains and one of measures, with the pictures of each', () => {
    const text = comparisonMarkdown(compared, { 'run-1': '../runs/run-1' });
    expect(text).toContain('| mae |  | 80.0% \\(78.8–81.2\\) |  | 50.0% \\(48.8–51.2\\) |');
    expect(text).toContain('\\+40.0 \\(\\+38.8 to \\+41.2\\) over random init 40.0% \\(38.8–41.2\\)');
    expect(text).toContain('| clustering: NMI |  | 0.700 |');
    expect(text).toContain('](../runs/run-1/media/probe%201.png)');
    expect(text).not.toMatch(/(?<!\\)</);
  });

  it('of one experiment are told apart by their ids', () => {
    const twin = { ...other, runId: 'run-4' };
    expect(comparisonMarkdown(compareRuns([other, twin], 0))).toContain('| mae run\\-4 |');
  });
});
