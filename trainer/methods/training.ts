/** The training that a `pretrain` block describes, as a program for an engine. */
import type { PretrainConfig } from '../../protocol/config';
import { size } from '../engine/shapes';
import type { HostTensors, Precision, Specs, Step, TypedArray } from '../engine/types';
import { createOptimizer } from '../nn/create-optimizer';
import { gradScaler, initLossScale } from '../nn/loss-scale';
import { trained, trainStep } from '../nn/train-step';
import { random } from '../random/random';
import type { Method } from './method';

export interface TrainingProgram {
  /** One optimizer update. */
  readonly step: Step;
  /** What it starts with: parameters, buffers and the optimizer's moments. */
  readonly fresh: HostTensors;
  readonly inputs: Specs;
  readonly precision: Precision;
}

type Settings = Pick<PretrainConfig, 'optimizer' | 'batchSize'> & Partial<Pick<PretrainConfig, 'precision'>>;

const scalar = { shape: [], dtype: 'float32' } as const;

export function trainingProgram(
  method: Method,
  { optimizer: settings, batchSize, precision = 'float32' }: Settings,
  seed: number,
): TrainingProgram {
  const optimizer = createOptimizer(settings);
  const params = method.init(seed);
  const scaling = precision === 'mixed' ? gradScaler : undefined;
  const moments = { ...optimizer.init(trained(params, method.isFrozen)), ...(scaling && initLossScale(scaling)) };
  return {
    step: trainStep(method, optimizer, scaling),
    fresh: { ...params, ...moments },
    inputs: { ...method.inputs(batchSize), lr: scalar, step: scalar },
    precision,
  };
}

/** The same with inputs to measure it by, at the peak of its learning rate. */
export function trainingToMeasure(method: Method, pretrain: Settings, seed: number) {
  const { optimizer, batchSize } = pretrain;
  const learningRate = (optimizer.baseLr * batchSize) / 256;
  return {
    ...trainingProgram(method, pretrain, seed),
    batchSize,
    given: (step: number) => noiseInputs(method, batchSize, seed, { step, learningRate }),
  };
}

/**
 * Inputs of the update that follows `step`, to measure it by: noise for images, the method's own draws, and `learningRate`
 * in the first of two epochs.
 */
export function noiseInputs(
  method: Method,
  batchSize: number,
  seed: number,
  { step, learningRate }: { readonly step: number; readonly learningRate: number },
): Record<string, TypedArray> {
  const asked = method.inputs(batchSize);
  const views = Object.keys(method.views).map((name) => {
    const noise = random(seed, 'noise', name, step);
    return [name, Float32Array.from({ length: size(asked[name]!.shape) }, () => noise.normal())] as const;
  });
  const scheduled = Object.entries(method.scheduled?.({ step, totalSteps: 200, epochSteps: 100 }) ?? {});
  const statistics = Object.entries({ pixel_mean: 0.5, pixel_std: 0.25 }).filter(([name]) =>
    Object.hasOwn(asked, name),
  );
  return {
    ...Object.fromEntries(views),
    ...Object.fromEntries(scheduled.map(([name, value]) => [name, Float32Array.of(value)])),
    ...Object.fromEntries(statistics.map(([name, value]) => [name, Float32Array.of(value, value, value)])),
    ...method.draw(batchSize, random(seed, 'draws', step)),
    lr: Float32Array.of(learningRate),
    step: Float32Array.of(step + 1),
  };
}
