import { expect, it } from 'vitest';
import { probeEngines } from '../../../trainer/engine/index';

it('reports every engine, the cpu ones working, with a reason where one is not', async () => {
  const reports = await probeEngines();
  expect(reports.map(({ name, device }) => `${name} ${device}`)).toEqual(['onnx webgpu', 'onnx cpu', 'reference cpu']);
  expect(reports[1]!.available).toBe(true);
  for (const { detail } of reports) expect(detail).not.toBe('');
});
