export interface Schedule {
  /** Learning rate at the end of the warmup. */
  readonly peak: number;
  /** Learning rate at the last step. */
  readonly min: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * The learning rate of optimizer update `step`, counted from 1: linear from 0 to `peak` over the
 * warmup, then half a cosine down to `min` at `totalSteps`, per step and not per epoch, as in MAE.
 */
export function learningRate({ peak, min, warmupSteps, totalSteps }: Schedule, step: number): number {
  if (step < warmupSteps) return (peak * step) / warmupSteps;
  const progress = totalSteps > warmupSteps ? Math.min(1, (step - warmupSteps) / (totalSteps - warmupSteps)) : 0;
  return min + (peak - min) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
