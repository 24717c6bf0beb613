import { expect, it } from 'vitest';
import { escapeMarkdown, markdownTable } from '../../../protocol/markdown';

it('lets no name from a file become Markdown', () => {
  expect(escapeMarkdown('[x](command:a) | <b>\nnext')).toBe('\\[x\\]\\(command:a\\) \\| \\<b\\> next');
});

it('keeps a table a table whatever stands in its cells', () => {
  expect(markdownTable(['a', 'b'], [['1|2', 'x\ny']]).split('\n')).toEqual([
    '| a | b |',
    '| --- | --- |',
    '| 1\\|2 | x y |',
  ]);
});
