import { expect, it } from 'vitest';
import type { Evaluation } from '../../../protocol/events';
import { reportMarkdown, type ReportFile } from '../../../protocol/report';

const probe: Evaluation = {
  kind: 'probe',
  protocol: 'linear',
  labels: 1,
  trainImages: 1000,
  testImages: 500,
  classes: 10,
  comparison: {
    metric: 'accuracy',
    score: { value: 0.714, interval: [0.701, 0.726] },
    baseline: { name: 'random init', value: 0.4, interval: [0.39, 0.41] },
    gain: { value: 0.314, interval: [0.3, 0.33] },
  },
  seconds: 12,
};
const report: ReportFile = {
  runId: 'run-1',
  experiment: '<img src=x>',
  subject: 'mae, vit',
  time: 0,
  evaluations: [
    { step: 100, time: 1, evaluation: probe },
    {
      step: 2000,
      time: 2,
      evaluation: { ...probe, comparison: undefined, measures: { nmi: { score: 0.4, baseline: 0.1 } } },
    },
  ],
  leftOut: ['transfer of step 100: there is no other data set'],
};

it('says of each checkpoint what it scored, beside its baseline and with its intervals', () => {
  const text = reportMarkdown(report);
  expect(text).toContain('## Step 100');
  expect(text).toContain(
    '| linear probe | 71.4% \\(70.1–72.6\\) | random init 40.0% \\(39.0–41.0\\) | \\+31.4 \\(\\+30.0 to \\+33.0\\) | linear |',
  );
  expect(text).toContain('## Step 2,000');
  expect(text).toContain('NMI 0.400 \\(random init 0.100\\)');
});

it('names what was left out, and why', () => {
  expect(reportMarkdown(report)).toMatch(/## Left out\n\n- transfer of step 100: there is no other data set/);
});

it('holds no markup of a name', () => {
  expect(reportMarkdown(report)).not.toMatch(/(?<!\\)</);
});
