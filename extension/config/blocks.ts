/** Where the blocks of an experiment config are in its text, also while it is being typed. Pure. */
import { findNodeAtLocation } from 'jsonc-parser';
import { parseTree } from '../../protocol/validate';
import type { Block } from '../scores';

export interface BlockPlace {
  readonly block: Block;
  /** Of the key; when the file leaves the block to its defaults, of `pretrain`, or of the brace that opens the file. */
  readonly offset: number;
  readonly written: boolean;
}

const blocks: readonly Block[] = [
  'pretrain',
  'probe',
  'cluster',
  'tsne',
  'health',
  'robustness',
  'transfer',
  'finetune',
];

/** Empty for a text that is not an object at all. */
export function findBlocks(text: string): BlockPlace[] {
  const root = parseTree(text);
  if (root?.type !== 'object') return [];
  const keyOf = (block: Block) => findNodeAtLocation(root, [block])?.parent?.children?.[0];
  const otherwise = keyOf('pretrain') ?? root;
  return blocks.map((block) => {
    const key = keyOf(block);
    return { block, offset: (key ?? otherwise).offset, written: key !== undefined };
  });
}
