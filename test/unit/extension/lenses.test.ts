import { describe, expect, it } from 'vitest';
import { findBlocks } from '../../../extension/config/blocks';
import { lenses } from '../../../extension/config/lenses';
import type { TrackedRun } from '../../../extension/run-store';
import { checkpoint, finished, launched, row, started, tracked } from './runs';

const text = '{\n  "data": { "source": "builtin:shapes" },\n  "pretrain": {},\n  "probe": {}\n}';
const file = '/photos/mae.tessera.jsonc';
const titles = (runs: readonly TrackedRun[]) => lenses(findBlocks(text), file, runs).map(({ title }) => title);

describe('blocks', () => {
  it('are found at their keys; those left to their defaults at pretrain', () => {
    const found = findBlocks(text).map(({ block, offset, written }) => [
      block,
      text.slice(offset, offset + 6),
      written,
    ]);
    expect(found.slice(0, 2)).toEqual([
      ['pretrain', '"pretr', true],
      ['probe', '"probe', true],
    ]);
    expect(found).toContainEqual(['finetune', '"pretr', false]);
  });

  it('are found while the text is being typed', () => {
    const written = findBlocks('{ "pretrain": { "maskRatio": ').filter(({ written }) => written);
    expect(written.map(({ block }) => block)).toEqual(['pretrain']);
  });

  it.each(['', '[1, 2]', 'hello', '['.repeat(100_000)])('are none in a text that is no config', (other) => {
    expect(findBlocks(other)).toEqual([]);
  });
});

describe('lenses', () => {
  const trained = tracked([launched, row(4000, 0.031), checkpoint(4000), finished]);

  it('offer to start before there is a run', () => {
    expect(titles([])).toEqual(['$(play) Pretrain', '$(beaker) Probe']);
  });

  it('offer a block that is left to its defaults once there is something to judge', () => {
    expect(titles([trained])).toContain('$(mortar-board) Fine-tune');
    expect(titles([trained])).toContain('$(graph-scatter) Cluster');
    expect(titles([trained])).toContain('$(checklist) Evaluate…');
    expect(titles([trained])).not.toContain('$(references) Transfer');
  });

  it('sum up the runs', () => {
    const worse = tracked([launched, row(10, 0.5), finished], { runId: 'other', createdAt: started - 1 });
    expect(titles([trained, worse])).toContain('2 runs, best loss 0.0310');
    expect(titles([trained])).toContain('$(graph-line) Dashboard');
  });

  it('offer to resume what did not finish', () => {
    expect(titles([tracked([launched, row(10, 0.5)])])).toContain('$(debug-restart) Resume');
    expect(titles([trained])).not.toContain('$(debug-restart) Resume');
  });

  it('offer pause and stop, not a second start, while it trains', () => {
    const shown = titles([tracked([launched, row(10, 0.5)], { alive: true })]);
    expect(shown).toContain('$(debug-pause) Pause');
    expect(shown).toContain('$(debug-stop) Stop');
    expect(shown).not.toContain('$(play) Pretrain');
  });

  it('do not move with the loss of a live run', () => {
    const at = (loss: number) => titles([tracked([launched, row(10, loss)], { alive: true })]);
    expect(at(0.5)).toEqual(at(0.1));
  });

  it('carry the file or the run that they are for', () => {
    const byTitle = Object.fromEntries(
      lenses(findBlocks(text), file, [trained]).map((lens) => [lens.title, lens.arguments]),
    );
    expect(byTitle['$(play) Pretrain']).toEqual([file]);
    expect(byTitle['$(graph-line) Dashboard']).toEqual([trained.directory]);
  });
});
