import type { EvaluationSettings } from '../../../protocol/config';
import type { EvaluationKind } from '../../../protocol/events';
import { cluster } from './cluster';
import type { Evaluate } from './context';
import { efficiency } from './efficiency';
import { finetune } from './finetune';
import { knn, probe } from './frozen';
import { health } from './health';
import { pretext } from './pretext';
import { robustness } from './robustness';
import { transfer } from './transfer';
import { tsne } from './tsne';

export type { Evaluate, EvaluationContext } from './context';

interface Entry {
  readonly evaluate: Evaluate;
  /** The blocks of the config that say how: the same blocks, the same result. */
  readonly blocks: readonly (keyof EvaluationSettings)[];
}

export const evaluations: Record<EvaluationKind, Entry> = {
  pretext: { evaluate: pretext, blocks: [] },
  efficiency: { evaluate: efficiency, blocks: ['efficiency'] },
  knn: { evaluate: knn, blocks: ['probe'] },
  probe: { evaluate: probe, blocks: ['probe'] },
  cluster: { evaluate: cluster, blocks: ['cluster'] },
  tsne: { evaluate: tsne, blocks: ['tsne'] },
  health: { evaluate: health, blocks: ['health'] },
  robustness: { evaluate: robustness, blocks: ['robustness', 'probe'] },
  transfer: { evaluate: transfer, blocks: ['transfer', 'probe', 'finetune'] },
  finetune: { evaluate: finetune, blocks: ['finetune'] },
};
