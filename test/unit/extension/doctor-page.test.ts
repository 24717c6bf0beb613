import { expect, it } from 'vitest';
import { doctorPage } from '../../../extension/doctor-page';

it('makes tables of lists and lines of values', () => {
  const page = doctorPage('{"node": "24.1", "engines": [{"name": "onnx", "available": true, "detail": "CPU | 2"}]}', [
    ['VS Code', '1.139'],
  ]);
  expect(page).toBe(
    [
      '# Tessera Doctor',
      '',
      '- VS Code: 1.139',
      '- node: 24.1',
      '',
      '## engines',
      '',
      '| name | available | detail |',
      '| --- | --- | --- |',
      '| onnx | yes | CPU \\| 2 |',
      '',
    ].join('\n'),
  );
});

it('shows what it cannot read as it is', () => {
  expect(doctorPage('Cannot find module', [])).toContain('```\nCannot find module\n```');
});
