/** What `tessera doctor --json` says, as Markdown. Pure. */
import { escapeCell } from './scores';

/** `output` is JSON of any shape: lists of flat objects become tables, everything else becomes lines. */
export function doctorPage(output: string, host: readonly (readonly [string, string])[]): string {
  let report: unknown;
  try {
    report = JSON.parse(output);
  } catch {
    return `# Tessera Doctor\n\n${host.map(line).join('\n')}\n\n\`\`\`\n${output}\n\`\`\`\n`;
  }
  return `# Tessera Doctor\n\n${host.map(line).join('\n')}\n${section(report, 2)}\n`;
}

function section(value: unknown, level: number): string {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  const flat = entries.filter(([, item]) => typeof item !== 'object' || item === null);
  const deep = entries.filter(([, item]) => typeof item === 'object' && item !== null);
  return [
    ...flat.map(([name, item]) => line([name, String(item)])),
    ...deep.map(([name, item]) => {
      const body = Array.isArray(item) ? table(item) : section(item, level + 1);
      return `\n${'#'.repeat(level)} ${name}\n\n${body}`;
    }),
  ].join('\n');
}

function line([name, value]: readonly [string, string]): string {
  return `- ${name}: ${escapeCell(value)}`;
}

function table(rows: readonly unknown[]): string {
  const objects = rows.filter((row): row is Record<string, unknown> => typeof row === 'object' && row !== null);
  if (objects.length === 0) return rows.map((row) => `- ${escapeCell(String(row))}`).join('\n');
  const columns = [...new Set(objects.flatMap((row) => Object.keys(row)))];
  const cells = (row: Record<string, unknown>) => columns.map((column) => escapeCell(cell(row[column])));
  return [columns, columns.map(() => '---'), ...objects.map(cells)].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
