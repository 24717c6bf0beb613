/** What stands above the blocks of an experiment config. Pure. */
import { formatNumber } from '../../protocol/format';
import { abilities } from '../abilities';
import type { TrackedRun } from '../run-store';
import { bestLoss, type Judging } from '../scores';
import type { BlockPlace } from './blocks';

export interface Lens {
  readonly offset: number;
  readonly title: string;
  readonly tooltip: string;
  readonly command: string;
  readonly arguments: readonly unknown[];
}

/** `runs` are those of the config file, newest first. Commands get the file, or the directory of the run they are for. */
export function lenses(places: readonly BlockPlace[], configFile: string, runs: readonly TrackedRun[]): Lens[] {
  const judgeable = runs.some((tracked) => abilities(tracked).evaluate);
  return places.flatMap(({ block, offset, written }) => {
    if (block === 'pretrain') return pretrainLenses(configFile, runs).map((lens) => ({ offset, ...lens }));
    // Of what the file leaves to its defaults the usual is offered, once there is something to judge.
    if (!written && !(judgeable && usual.has(block))) return [];
    return [{ offset, ...evaluateLens(block, configFile, judgeable) }];
  });
}

type PlacelessLens = Omit<Lens, 'offset'>;

function pretrainLenses(configFile: string, runs: readonly TrackedRun[]): PlacelessLens[] {
  const newest = runs[0];
  const can = newest && abilities(newest);
  const live = newest?.alive && newest.run.job !== 'evaluate';
  const forRun = (title: string, command: string, tooltip: string): PlacelessLens => ({
    title,
    command,
    tooltip,
    arguments: [newest!.directory],
  });
  return [
    ...(live
      ? []
      : [
          {
            title: '$(play) Pretrain',
            command: 'tessera.pretrain',
            tooltip: 'Start a new run of this experiment',
            arguments: [configFile],
          },
        ]),
    ...(can?.pause ? [forRun('$(debug-pause) Pause', 'tessera.pause', 'Pause the run')] : []),
    ...(can?.resume
      ? [forRun('$(debug-restart) Resume', 'tessera.resume', 'Go on with the newest run from its last checkpoint')]
      : []),
    ...(live ? [forRun('$(debug-stop) Stop', 'tessera.stop', 'Write a checkpoint and end the run')] : []),
    ...(newest
      ? [
          forRun(
            '$(graph-line) Dashboard',
            'tessera.openDashboard',
            'Curves, pictures of the task and the embedding map',
          ),
          ...(can?.evaluate
            ? [
                forRun(
                  '$(checklist) Evaluate…',
                  'tessera.evaluate',
                  'Choose protocols and checkpoints, or run the full suite',
                ),
              ]
            : []),
          { title: summary(runs), command: 'tessera.runs.focus', tooltip: 'Show the runs', arguments: [] },
        ]
      : []),
  ];
}

/** "3 runs, best loss 0.031"; a live run's loss stands beside the block instead, where it may move. */
function summary(runs: readonly TrackedRun[]): string {
  const count = runs.length === 1 ? '1 run' : `${runs.length} runs`;
  const losses = runs
    .filter(({ alive, run }) => !alive || run.job === 'evaluate')
    .map(({ run }) => bestLoss(run))
    .filter((loss) => loss !== undefined && Number.isFinite(loss));
  return losses.length > 0 ? `${count}, best loss ${formatNumber(Math.min(...(losses as number[])))}` : count;
}

const usual: ReadonlySet<Judging> = new Set(['probe', 'cluster', 'finetune']);

const judgings: Record<Judging, readonly [title: string, what: string]> = {
  probe: ['$(beaker) Probe', 'Judge the newest checkpoint by a linear classifier on the frozen encoder'],
  cluster: ['$(graph-scatter) Cluster', 'Judge the newest checkpoint by k-means on the embeddings of the test images'],
  tsne: ['$(map) t-SNE', 'Map the embeddings of test images by the newest checkpoint'],
  health: ['$(pulse) Health', 'Look at how the embeddings of the newest checkpoint spread; needs no labels'],
  robustness: ['$(shield) Robustness', 'Judge the newest checkpoint on corrupted test images'],
  transfer: ['$(references) Transfer', 'Judge the newest checkpoint on another data set'],
  finetune: ['$(mortar-board) Fine-tune', 'Train all weights of the newest checkpoint with labels'],
};

function evaluateLens(block: Judging, configFile: string, judgeable: boolean): PlacelessLens {
  const [title, what] = judgings[block];
  return {
    title,
    command: 'tessera.evaluate',
    tooltip: judgeable ? what : `${what}. There is none yet: pretrain first.`,
    arguments: [configFile, block],
  };
}
