import { describe, expect, it } from 'vitest';
import { doctorPage } from '../../../extension/doctor-page';

const checks = [
  { name: 'engine onnx, cpu', ok: true, detail: '2 threads | AVX2' },
  { name: 'engine onnx, webgpu', ok: false, optional: true, detail: 'no adapter' },
];

describe('the page of the doctor', () => {
  it('is a table of what was found, the editor first', () => {
    expect(doctorPage(JSON.stringify(checks), [['VS Code', '1.139']])).toBe(
      [
        '# Tessera Doctor',
        '',
        'Everything that training needs is here.',
        '',
        '|  | what | found |',
        '| --- | --- | --- |',
        '|  | VS Code | 1.139 |',
        '| ✓ | engine onnx, cpu | 2 threads \\| AVX2 |',
        '| – | engine onnx, webgpu | no adapter |',
        '',
      ].join('\n'),
    );
  });

  it('names what is missing', () => {
    const page = doctorPage(JSON.stringify([...checks, { name: 'sharp', ok: false, detail: 'not found' }]), []);
    expect(page).toContain('Training needs what is missing: sharp.');
  });

  it.each(['Cannot find module', '{}', '[1]'])('shows %j as it came', (output) => {
    expect(doctorPage(output, [])).toContain(`\`\`\`\n${output}\n\`\`\``);
  });
});
