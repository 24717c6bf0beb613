import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatDuration,
  formatEngine,
  formatEvaluation,
  formatGain,
  formatMeasures,
  formatMetric,
  formatNumber,
  formatProgress,
  formatScore,
  formatStep,
  formatTraffic,
  secondsLeft,
} from '../../../protocol/format';
import { applyEvent, emptyRun } from '../../../protocol/run';
import type { EventBody, RunManifest } from '../../../protocol/events';

const manifest: RunManifest = {
  version: 1,
  runId: 'r',
  experiment: 'e',
  configFile: 'e.tessera.jsonc',
  config: { pretrain: { batchSize: 64 } },
  createdAt: 0,
  versions: {},
};

function runOf(...bodies: EventBody[]) {
  return bodies.reduce((run, body, seq) => applyEvent(run, { ...body, seq, time: seq }), emptyRun(manifest));
}

describe('numbers', () => {
  it('groups steps', () => expect(formatStep(1240)).toBe('1,240'));

  it.each([
    [0.04213, '0.0421'],
    [0.9996, '1.000'],
    [0.5, '0.500'],
    [12.345, '12.3'],
    [842.4, '842'],
    [12345.6, '12,346'],
    [0.00015, '1.50e−4'],
    [0.0000123, '1.23e−5'],
    [-0.25, '−0.250'],
    [0, '0'],
    [NaN, 'NaN'],
    [-Infinity, '−∞'],
  ])('shows %d with sensible digits', (value, text) => expect(formatNumber(value)).toBe(text));

  it.each([
    [0.4, '0 s'],
    [45, '45 s'],
    [480, '8 min'],
    [3599, '1 h'],
    [7500, '2 h 5 min'],
    [273600, '3 d 4 h'],
  ])('tells %d seconds', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it.each([
    [12, '12 B'],
    [412_000, '412 KB'],
    [3_210_000, '3.2 MB'],
    [999_900, '1.0 MB'],
  ])('tells %d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('tells what crosses over to the GPU and back', () =>
    expect(formatTraffic({ uploaded: 51_208, downloaded: 8 })).toBe('51.2 KB in, 8 B out a step'));

  it('gives metrics their unit', () => {
    expect(formatMetric('train/loss', 0.0421)).toBe('0.0421');
    expect(formatMetric('perf/images_per_second', 842.1)).toBe('842 img/s');
    expect(formatMetric('eval/knn_top1', 0.613)).toBe('61.3%');
    expect(formatMetric('something/else', 2)).toBe('2.00');
  });
});

describe('scores', () => {
  it('never stand without their interval', () => {
    expect(formatScore('accuracy', { value: 0.714, interval: [0.701, 0.726] })).toBe('71.4% (95% CI 70.1–72.6)');
    expect(formatGain({ metric: 'accuracy', gain: { value: -0.031, interval: [-0.04, 0.002] } })).toBe(
      '−3.1 points (95% CI −4.0 to +0.2)',
    );
  });

  it('are in their own unit when they are losses', () => {
    expect(formatScore('loss', { value: 0.0412, interval: [0.04, 0.0421] })).toBe('0.0412 (95% CI 0.0400–0.0421)');
    expect(formatGain({ metric: 'loss', gain: { value: 0.1, interval: [-0.02, 0.2] } })).toBe(
      '+0.100 (95% CI −0.0200 to +0.200)',
    );
  });

  it('name their label share when it is not all', () => {
    expect(formatEvaluation({ kind: 'finetune', labels: 0.01 })).toBe('fine-tune, 1% labels');
    expect(formatEvaluation({ kind: 'probe', labels: 1 })).toBe('linear probe');
    expect(formatEvaluation({ kind: 'probe', labels: 0.1, variant: 'MLP head' })).toBe(
      'linear probe, MLP head, 10% labels',
    );
    expect(formatEvaluation({ kind: 'cluster', labels: 0 })).toBe('clustering');
  });

  it('come with further measures beside the baseline', () => {
    const measures = { nmi: { score: 0.4124, baseline: 0.1 }, ari: { score: -0.02, baseline: 0 } };
    expect(formatMeasures({ measures })).toBe('NMI 0.412 (random init 0.100), ARI −0.020 (0.000)');
    expect(formatMeasures({ measures: { oddity: { score: 12.5 } } })).toBe('oddity 12.500');
    expect(formatMeasures({})).toBe('');
    expect(formatMeasures({ measures: { constructor: measures.nmi } })).toMatch(/^constructor 0\.412/);
  });
});

describe('progress', () => {
  const launched: EventBody = {
    type: 'launched',
    job: 'pretrain',
    pid: 1,
    fromStep: 0,
    totalSteps: 1000,
    engine: 'onnx cpu',
  };
  const row = (step: number, speed: number): EventBody => ({
    type: 'metrics',
    step,
    values: { 'train/loss': 0.5, 'perf/images_per_second': speed },
  });

  it('forecasts from the median of recent throughput', () => {
    // 970 steps of 64 images at 640 images a second; one slow row does not move it.
    expect(secondsLeft(runOf(launched, row(10, 640), row(20, 1), row(30, 640)))).toBe(97);
  });

  it('says nothing where nothing can be told', () => {
    expect(secondsLeft(runOf(launched))).toBeUndefined();
    // The first rows are slower than all that follow.
    expect(secondsLeft(runOf(launched, row(1, 20), row(10, 640)))).toBeUndefined();
    expect(secondsLeft(runOf(launched, row(980, 640), row(990, 640), row(1000, 640)))).toBeUndefined();
  });

  it('reads as one line', () => {
    const run = runOf(launched, row(10, 640), row(20, 640), row(30, 640));
    expect(formatProgress(run, true)).toBe('30/1,000 · loss 0.500 · 2 min left');
    expect(formatProgress(run, false)).toBe('30/1,000 · loss 0.500');
  });

  it('says what a run does before its first step', () => {
    expect(formatProgress(runOf(), true)).toBe('starting');
    const reading: EventBody = { type: 'status', status: 'running', reason: 'Opening the images' };
    expect(formatProgress(runOf(reading), true)).toBe('Opening the images');
  });

  it('leaves the version out of an engine’s name', () => {
    expect(formatEngine('onnxruntime 1.30.0, CPU, 2 threads')).toBe('CPU, 2 threads');
    expect(formatEngine('reference')).toBe('reference');
  });
});
