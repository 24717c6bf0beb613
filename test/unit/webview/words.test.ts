import { describe, expect, it } from 'vitest';
import type { RunManifest } from '../../../protocol/events';
import { applyEvent, emptyRun } from '../../../protocol/run';
import { fileName, firstComes } from '../../../webview/words';

function runOf(config: unknown, totalSteps: number) {
  const manifest: RunManifest = {
    version: 1,
    runId: 'r',
    experiment: 'e',
    configFile: 'e.tessera.jsonc',
    config,
    createdAt: 0,
    versions: {},
  };
  const launched = { type: 'launched', job: 'pretrain', pid: 1, fromStep: 0, totalSteps, engine: 'onnx' } as const;
  return applyEvent(emptyRun(manifest), { ...launched, seq: 0, time: 0 });
}

describe('a picture that is not there yet', () => {
  it('is promised for the step that the config names, or the last', () => {
    const config = { pretrain: { embedEvery: 1000 } };
    expect(firstComes(runOf(config, 4000), 'The map', 'embedEvery')).toContain('at step 1,000');
    expect(firstComes(runOf(config, 300), 'The map', 'embedEvery')).toContain('at step 300');
  });

  it.each([null, {}, { pretrain: { embedEvery: 'often' } }])('is promised for no step by the config %j', (config) =>
    expect(firstComes(runOf(config, 4000), 'The map', 'embedEvery')).toBe(
      'The map will be here once logged (embedEvery in the config).',
    ),
  );
});

it('ids are shown by their file name, on every system', () => {
  expect(fileName('test/cat/1.png')).toBe('1.png');
  expect(fileName('test\\cat\\1.png')).toBe('1.png');
  expect(fileName('shape 12')).toBe('shape 12');
});
