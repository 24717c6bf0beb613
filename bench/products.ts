/** Products of the sizes of ViTs, alone: the engine's and PyTorch's, forward and for both gradients. */
import { startOwn, startPeer, type Peer } from './peer';
import { configs } from './step';
import { measured, THREADS } from './turns';

/** Rows, inner axis and columns of MLPs: of the small MAE, ViT-Ti/2's encoder and decoder, and ViT-S/16. */
const sizes = [
  [1024, 128, 512],
  [2048, 192, 768],
  [8192, 192, 768],
  [288, 384, 1536],
  [2048, 2048, 2048],
];

interface Row {
  readonly size: string;
  readonly forward: string;
  readonly ofInput: string;
  readonly ofKernel: string;
}

/** GFLOP/s, ours / PyTorch's. */
export async function products(): Promise<Row[] | undefined> {
  const { peer, config } = configs[0]!;
  const given = { ...config, threads: THREADS };
  const rows = await measured([startOwn(given), startPeer(peer, given)], async (own, torch) => {
    const found: Row[] = [];
    for (const size of sizes) {
      const ask = (side: Peer) => side.ask<[number, number, number]>({ do: 'products', size });
      const [ours, theirs] = [await ask(own), await ask(torch)];
      const [forward, ofInput, ofKernel] = ours.map((rate, i) => `${rate.toFixed(0)} / ${theirs[i]!.toFixed(0)}`);
      found.push({ size: size.join(' x '), forward: forward!, ofInput: ofInput!, ofKernel: ofKernel! });
    }
    return found;
  });
  console.table(rows);
  return rows;
}
