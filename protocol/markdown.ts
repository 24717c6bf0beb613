/** Names come from files that anyone may have written; they must not become Markdown. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+!|<>$~&-]/g, '\\$&').replace(/\s+/g, ' ');
}

/** Text, or what is Markdown already. */
export type Cell = string | { readonly markdown: string };

export function markdownTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const write = (cell: Cell) => (typeof cell === 'string' ? escapeMarkdown(cell) : cell.markdown);
  const line = (cells: readonly Cell[]) => `| ${cells.map(write).join(' | ')} |`;
  return [line(header), `|${header.map(() => ' --- ').join('|')}|`, ...rows.map(line)].join('\n');
}

export const bold = (text: string): Cell => ({ markdown: `**${escapeMarkdown(text)}**` });

/** A picture on a line of its own. `path` is relative to the file that holds the Markdown. */
export function markdownImage(title: string, path: string): string {
  return `![${escapeMarkdown(title)}](${path.split('/').map(encodeURIComponent).join('/')})`;
}
