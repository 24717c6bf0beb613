import { afterEach, describe, expect, it, vi } from 'vitest';
import { emptyRun } from '../../../protocol/run';
import { createOutput, printable } from '../../../trainer/cli/output';
import { detailsText, listText } from '../../../trainer/cli/show';

/** Sets the window's title, wipes the screen, and writes from right to left. */
const attack = '\u001b]0;owned\u0007\u001b[2J\u009b2J\u202egnp.exe\rx';
const harmless = String.raw`\x1b]0;owned\x07\x1b[2J\x9b2J\u202egnp.exe\x0dx`;
const manifest = {
  version: 1,
  runId: attack,
  experiment: attack,
  configFile: attack,
  config: {},
  createdAt: 0,
  versions: {},
} as const;

describe('what a terminal is given to print', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('has no control character but line ends and tabs', () => {
    expect(printable(`${attack}\n\tnext`)).toBe(`${harmless}\n\tnext`);
    expect(printable('größer – 100 % ✓ 日本')).toBe('größer – 100 % ✓ 日本');
  });

  it('is so for the names and messages of runs that others made', () => {
    const notice = { level: 'warning', message: attack, time: 0 } as const;
    const run = { ...emptyRun(manifest), notices: [notice], reason: attack, problems: [attack] };
    const summary = { runId: attack, experiment: attack, status: 'failed', step: 1, totalSteps: 1, directory: attack };
    const shown = detailsText({ ...run, directory: attack, status: 'failed', pid: undefined, engine: attack, run });
    for (const text of [shown, listText([summary])]) {
      expect(text).toContain(harmless);
      expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
    }
  });

  it('is so while a run is watched', () => {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    const output = createOutput(false);
    const event = { type: 'notice', level: 'info', message: attack, seq: 0, time: 0 } as const;
    output.update({ run: emptyRun(manifest), events: [event], liveStatus: 'finished', alive: false });
    expect(written).toEqual([`${harmless}\n`]);
  });
});
