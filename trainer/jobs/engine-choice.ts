/** Which engine a run gets. */
import type { ExperimentConfig } from '../../protocol/config';
import { createEngine } from '../engine/index';
import type { Engine } from '../engine/types';

export interface ChosenEngine {
  readonly engine: Engine;
  /** Set when `auto` found something better that then would not work. */
  readonly fallback?: string;
}

export async function chooseEngine({ engine, device }: ExperimentConfig): Promise<ChosenEngine> {
  const name = engine === 'auto' ? 'onnx' : engine;
  return { engine: await createEngine({ engine: name, device: device === 'auto' ? 'cpu' : device }) };
}
