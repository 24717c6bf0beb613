import { describe, expect, it } from 'vitest';
import { abilities, contextValue, type Ability } from '../../../extension/abilities';
import type { EventBody } from '../../../protocol/events';
import { checkpoint, finished, launched, row, tracked } from './runs';

const can = (events: readonly EventBody[], alive: boolean) => {
  const all = abilities(tracked(events, { alive }));
  return (Object.keys(all) as Ability[]).filter((name) => all[name]).join(' ');
};

describe('what can be done with a run', () => {
  const training = [launched, row(10, 0.5)];
  const evaluating: EventBody = { ...launched, job: 'evaluate' };

  it.each<[string, readonly EventBody[], boolean, string]>([
    ['training', training, true, 'pause stop checkpoint evaluate'],
    ['paused', [...training, { type: 'status', status: 'paused' }], true, 'resume stop checkpoint evaluate'],
    ['crashed without a checkpoint', training, false, 'resume delete'],
    ['failed without one', [...training, { type: 'status', status: 'failed' }], false, 'delete'],
    ['crashed with one', [...training, checkpoint(10)], false, 'resume evaluate delete'],
    [
      'crashed on a GPU',
      [{ ...launched, engine: 'onnxruntime 1.30.0, WebGPU' }, row(10, 0.5), checkpoint(10)],
      false,
      'resume resumeOnCpu evaluate delete',
    ],
    ['finished', [...training, checkpoint(10), finished], false, 'evaluate delete'],
    ['finished, being judged', [...training, checkpoint(10), finished, evaluating], true, 'stop evaluate'],
    ['crashed, being judged', [...training, checkpoint(10), evaluating], true, 'stop evaluate'],
  ])('when it is %s', (_, events, alive, expected) => expect(can(events, alive)).toBe(expected));

  it('is what menus match as words', () => {
    const value = contextValue('run', abilities(tracked(training, { alive: true })));
    expect(value).toMatch(/^run\b/);
    expect(value).toMatch(/\bpause\b/);
    expect(value).not.toMatch(/\bresume\b/);
  });
});
