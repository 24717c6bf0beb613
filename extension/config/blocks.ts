/** Where the blocks of an experiment config are in its text, also while it is being typed. Pure. */
import { findNodeAtLocation } from 'jsonc-parser';
import { parseTree } from '../../protocol/validate';
import type { Block } from '../scores';

export interface BlockPlace {
  readonly block: Block;
  /** Of the key; of the opening brace of the whole when the file leaves the block to its defaults. */
  readonly offset: number;
  readonly written: boolean;
}

const blocks: readonly Block[] = ['pretrain', 'probe', 'finetune'];

/** Empty for a text that is not an object at all. */
export function findBlocks(text: string): BlockPlace[] {
  const root = parseTree(text);
  if (root?.type !== 'object') return [];
  return blocks.map((block) => {
    const key = findNodeAtLocation(root, [block])?.parent?.children?.[0];
    return { block, offset: key?.offset ?? root.offset, written: key !== undefined };
  });
}
