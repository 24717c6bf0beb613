/** Small readings that several panels share. */
import { formatStep } from '../protocol/format';
import type { LiveStatus } from '../protocol/messages';
import type { Run } from '../protocol/run';

/** The last part of a path or an id. */
export function fileName(id: string): string {
  return id.split(/[\\/]/).at(-1) ?? id;
}

export const isLive = (status: LiveStatus) => status === 'running' || status === 'paused';

/** When a picture that is not there yet will be, as far as the run's config says. */
export function firstComes({ manifest, totalSteps }: Run, what: string, key: 'embedEvery' | 'picturesEvery'): string {
  const { pretrain } = (manifest.config ?? {}) as { pretrain?: Partial<Record<typeof key, unknown>> };
  const every = pretrain?.[key];
  if (typeof every !== 'number') return `${what} will be here once logged (${key} in the config).`;
  const step = totalSteps > 0 ? Math.min(every, totalSteps) : every;
  return `${what} will be here at step ${formatStep(step)} (${key} in the config).`;
}
