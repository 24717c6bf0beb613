/** Small readings that several panels share. */
import type { LiveStatus } from '../protocol/messages';

/** The last part of a path or an id. */
export function fileName(id: string): string {
  return id.split(/[\\/]/).at(-1) ?? id;
}

export const isLive = (status: LiveStatus) => status === 'running' || status === 'paused';
