/** Everything that is known of evaluated checkpoints, written up for people and for programs. */
import type { Evaluation } from './events';
import { formatDifference, formatEvaluation, formatFigure, formatInterval, formatMeasures, formatStep } from './format';
import { escapeMarkdown, markdownTable } from './markdown';
import type { ScoredCheckpoint } from './run';

/** `evaluations/report.json`; the same for people is `report.md` beside it. */
export interface ReportFile {
  readonly runId: string;
  readonly experiment: string;
  /** "mae, vit": the pretext task and the backbone. */
  readonly subject: string;
  readonly engine?: string;
  /** In milliseconds since the epoch. */
  readonly time: number;
  /** Every row of the checkpoints that were asked for, by step, then in the order of the protocols. */
  readonly evaluations: readonly ScoredCheckpoint[];
  /** Evaluations that could not be done, and why. */
  readonly leftOut: readonly string[];
}

/** As Markdown (GitHub's tables). */
export function reportMarkdown(report: ReportFile): string {
  const steps = [...new Set(report.evaluations.map(({ step }) => step))];
  const sections = steps.flatMap((step) => [
    `## Step ${formatStep(step)}`,
    ...tables(report.evaluations.filter((scored) => scored.step === step).map(({ evaluation }) => evaluation)),
  ]);
  const leftOut = report.leftOut.map((text) => `- ${escapeMarkdown(text)}`);
  return [
    `# ${escapeMarkdown(report.experiment)}`,
    `Run ${escapeMarkdown(report.runId)}: ${report.subject}${report.engine ? `; ${report.engine}` : ''}.`,
    'Intervals are 95% bootstrap intervals over test images; gains are paired.',
    ...sections,
    ...(leftOut.length > 0 ? ['## Left out', leftOut.join('\n')] : []),
    '',
  ].join('\n\n');
}

function tables(evaluations: readonly Evaluation[]): string[] {
  const compared = evaluations.flatMap((evaluation) => {
    const { comparison } = evaluation;
    if (!comparison) return [];
    const { metric, score, baseline, gain } = comparison;
    const figure = ({ value, interval }: typeof score) =>
      `${formatFigure(metric, value)} (${formatInterval(metric, interval)})`;
    const [low, high] = gain.interval;
    const difference = (value: number) => formatDifference(metric, value);
    return [
      [
        formatEvaluation(evaluation) + (metric === 'loss' ? ', loss' : ''),
        figure(score),
        `${baseline.name} ${figure(baseline)}`,
        `${difference(gain.value)} (${difference(low)} to ${difference(high)})`,
        evaluation.protocol,
      ],
    ];
  });
  const measured = evaluations
    .filter(({ measures }) => measures && Object.keys(measures).length > 0)
    .map((evaluation) => [formatEvaluation(evaluation), formatMeasures(evaluation)]);
  return [
    ...(compared.length > 0 ? [markdownTable(['evaluation', 'score', 'baseline', 'gain', 'protocol'], compared)] : []),
    ...(measured.length > 0 ? [markdownTable(['evaluation', 'measures'], measured)] : []),
  ];
}
