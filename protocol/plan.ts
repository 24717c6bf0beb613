/** What a training will cost, told before it is launched: by the command line, and where the batch size is written. */
import { formatBytes, formatCount, formatDuration, formatNumber, formatPercent, formatStep } from './format';

/** Of an `ExperimentConfig`, on this machine. */
export interface Plan {
  readonly engine: string;
  /** Set when the engine or device is not the one asked for. */
  readonly fallback?: string;
  readonly encoderParameters: number;
  /** With heads, decoders and what else is trained and thrown away. */
  readonly parameters: number;
  /** To embed an image, and of a training step for each image; a multiply-add is two. */
  readonly forwardFlops: number;
  readonly stepFlops: number;
  readonly batchSize: number;
  readonly images: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Whether steps run in the memory of a GPU, not in the machine's. */
  readonly isOnGpu: boolean;
  /** Bytes by the graph of a step; in the machine's memory less than what a process then has. */
  readonly stepMemory: number;
  /** Bytes that there are for it. A GPU may not tell. */
  readonly stepLimit?: number;
  /** Bytes of the machine. */
  readonly memoryLimit: number;
  /** Absent when a step would not fit. */
  readonly measured?: {
    /** Bytes of the run's process at most: what measuring took, and what a run has besides. */
    readonly memory: number;
    readonly secondsPerStep: number;
    /** Seconds of all looks at the embeddings on the way: maps, kNN, health. */
    readonly looks: number;
  };
}

export const secondsOfEpoch = ({ stepsPerEpoch }: Plan, secondsPerStep: number): number =>
  stepsPerEpoch * secondsPerStep;

/** Of the whole training, without reading the images for the first time. */
export const secondsInAll = ({ totalSteps }: Plan, { secondsPerStep, looks }: NonNullable<Plan['measured']>): number =>
  totalSteps * secondsPerStep + looks;

/** What is told of it, as [what, figure] rows. */
export function planRows(plan: Plan): [what: string, figure: string][] {
  const { measured, isOnGpu, stepMemory, stepLimit } = plan;
  const memoryName = isOnGpu ? 'GPU memory' : 'memory';
  const limit = stepLimit === undefined ? '' : ` of ${formatBytes(stepLimit)}`;
  const rows: [string, string][] = [
    ['encoder', `${formatCount(plan.encoderParameters)} parameters, ${formatCount(plan.forwardFlops)} FLOPs an image`],
    ['training', `${formatCount(plan.parameters)} parameters, ${formatCount(plan.stepFlops)} FLOPs an image and step`],
  ];
  const epoch = `${formatStep(plan.stepsPerEpoch)} steps of ${plan.batchSize} of ${formatStep(plan.images)} images`;
  const all = `${formatStep(plan.totalSteps)} steps, ${formatNumber(plan.totalSteps / plan.stepsPerEpoch)} epochs`;
  if (!measured) {
    return [
      ...rows,
      [memoryName, `at least ${formatBytes(stepMemory)}${limit}: too much. Lower pretrain.batchSize`],
      ['an epoch', epoch],
      ['in all', all],
    ];
  }
  const { secondsPerStep, looks, memory } = measured;
  const seconds = secondsInAll(plan, measured);
  return [
    ...rows,
    ...(isOnGpu
      ? [[memoryName, `about ${formatBytes(stepMemory)}${limit}, for a step`] satisfies [string, string]]
      : []),
    ['memory', `${formatBytes(memory)} of ${formatBytes(plan.memoryLimit)}`],
    [
      'speed',
      `${formatNumber(plan.batchSize / secondsPerStep)} img/s, ${formatNumber(1000 * secondsPerStep)} ms a step`,
    ],
    ['an epoch', `${formatDuration(secondsOfEpoch(plan, secondsPerStep))}: ${epoch}`],
    ['in all', `${formatDuration(seconds)}: ${all}${looks > 0 ? `, ${formatPercent(looks / seconds, 0)} of it looks at embeddings` : ''}`], // prettier-ignore
  ];
}
