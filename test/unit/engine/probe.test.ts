import { expect, it } from 'vitest';
import { probeEngines } from '../../../trainer/engine/index';

it('reports every engine, the cpu ones working, with a reason where one is not', async () => {
  const reports = await probeEngines('/nowhere');
  expect(reports.map(({ name, device, available }) => [`${name} ${device}`, available])).toEqual([
    ['tensorflow cuda', false],
    ['tensorflow cpu', false],
    ['onnx webgpu', expect.any(Boolean)],
    ['onnx cpu', true],
    ['onnx wasm', true],
    ['reference cpu', true],
  ]);
  for (const { detail } of reports) expect(detail).not.toBe('');
});
