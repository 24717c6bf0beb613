import { describe, expect, it } from 'vitest';
import { bestLoss, scoreLine, scoresTable } from '../../../extension/scores';
import { checkpoint, evaluation, finished, launched, row, runOf, started, tracked } from './runs';

describe('the text beside a block', () => {
  const trained = [launched, row(10, 0.5), row(4000, 0.0421), checkpoint(4000), finished];

  it('is absent before anything ran', () => {
    expect(scoreLine('pretrain', [])).toBeUndefined();
    expect(scoreLine('probe', [tracked(trained)])).toBeUndefined();
  });

  it('says how far a live run is, and when it ends', () => {
    const line = scoreLine('pretrain', [
      tracked([launched, row(1220, 0.05), row(1230, 0.05), row(1240, 0.0421)], { alive: true }),
    ]);
    expect(line?.text).toBe('1,240/4,000 · loss 0.0421 · 5 min left');
  });

  it('says how a run ended', () => {
    expect(scoreLine('pretrain', [tracked(trained)])?.text).toBe('finished · 4,000 steps · loss 0.0421');
    expect(scoreLine('pretrain', [tracked([launched, row(10, 0.5)])])?.text).toMatch(/^crashed · 10\/4,000/);
  });

  it('gives a score with its step, gain and baseline', () => {
    const line = scoreLine('probe', [tracked([...trained, evaluation(4000, 0.714)])]);
    expect(line?.text).toBe('linear 71.4% @ step 4,000 · random init 38.2% · +33.2 points (95% CI +30.0 to +35.0)');
  });

  it('adds the best score when the newest is not the best', () => {
    const runs = [tracked([...trained, evaluation(3500, 0.73), evaluation(4000, 0.714)])];
    expect(scoreLine('probe', runs)?.text).toMatch(/^linear 71\.4% @ step 4,000 .*· best 73\.0% @ step 3,500$/);
  });

  it('leads with all labels, and compares only equal shares of labels', () => {
    const runs = [
      tracked([
        ...trained,
        evaluation(3500, 0.99, { labels: 0.1 }),
        evaluation(4000, 0.7),
        evaluation(4000, 0.5, { labels: 0.01 }),
      ]),
    ];
    expect(scoreLine('probe', runs)?.text).toMatch(/^linear 70\.0% @ step 4,000/);
    expect(scoreLine('probe', runs)?.text).not.toMatch(/best/);
  });

  it('looks at all runs for the best, at the newest evaluation for the latest', () => {
    const older = tracked([...trained, evaluation(4000, 0.8)], { runId: 'older', createdAt: started - 1 });
    const newer = tracked([...trained, launched, evaluation(4000, 0.7)]);
    expect(scoreLine('probe', [newer, older])?.text).toMatch(/^linear 70\.0%.*best 80\.0%/);
  });

  it('tells what an evaluation under way is doing', () => {
    const judging = [
      ...trained,
      { ...launched, job: 'evaluate' as const },
      {
        type: 'evaluating' as const,
        step: 4000,
        kind: 'probe' as const,
        done: 0.4,
        message: 'choosing the learning rate',
      },
    ];
    expect(scoreLine('probe', [tracked(judging, { alive: true })])?.text).toBe(
      'linear probe 40%, step 4,000: choosing the learning rate',
    );
    expect(scoreLine('finetune', [tracked(judging, { alive: true })])).toBeUndefined();
  });

  it('keeps clusterings apart from probes', () => {
    const runs = [tracked([...trained, evaluation(4000, 0.62, { kind: 'cluster', labels: 0 })])];
    expect(scoreLine('cluster', runs)?.text).toMatch(/^clustering 62\.0% @ step 4,000 · random init 38\.2%/);
    expect(scoreLine('probe', runs)).toBeUndefined();
  });

  it('keeps fine-tuning apart from probing', () => {
    const scratch = { name: 'from scratch', value: 0.5, interval: [0.4, 0.6] } as const;
    const tuned = evaluation(4000, 0.62, { kind: 'finetune', labels: 0.1 }, scratch);
    const runs = [tracked([...trained, tuned])];
    expect(scoreLine('finetune', runs)?.text).toMatch(/^fine-tune, 10% labels 62\.0% .* from scratch 50\.0% · \+\d/);
    expect(scoreLine('probe', runs)).toBeUndefined();
  });
});

describe('tables', () => {
  it('hold each score beside its baseline with both uncertainties', () => {
    const { evaluations } = runOf([launched, checkpoint(10), evaluation(10, 0.714)]);
    const [header, , first] = scoresTable(evaluations).split('\n');
    expect(header).toBe('| step | protocol | score \\(95% CI\\) | baseline \\(95% CI\\) | gain \\(95% CI\\) |');
    expect(first).toMatch(/71\.4% .*70\.4–72\.4.*random init 38\.2% .*37\.0–39\.0.*33\.2 .*30\.0 to .*35\.0/);
  });

  it('hold the further measures of those that have some', () => {
    const measures = { nmi: { score: 0.41, baseline: 0.1 } };
    const { evaluations } = runOf([launched, evaluation(10, 0.6, { kind: 'cluster', measures }), evaluation(10, 0.7)]);
    const [header, , first, second] = scoresTable(evaluations).split('\n');
    expect(header).toContain('measures');
    expect(first).toContain('| NMI 0.410 \\(random init 0.100\\) |');
    expect(second).toMatch(/\|\s+\|$/);
  });

  it('stay short however many scores there are', () => {
    const { evaluations } = runOf([launched, ...Array.from({ length: 40 }, (_, i) => evaluation(i, 0.5))]);
    expect(scoresTable(evaluations).split('\n').length).toBeLessThan(20);
    expect(scoresTable(evaluations)).toMatch(/and 28 more$/);
  });
});

it('finds the lowest loss of a run longer than a call has arguments', () => {
  const steps = Array.from({ length: 300_000 }, (_, i) => i + 1);
  const run = { ...runOf([launched]), metrics: { 'train/loss': { steps, values: steps.map((s) => 1 / s) } } };
  expect(bestLoss(run)).toBeCloseTo(1 / 300_000, 12);
});
