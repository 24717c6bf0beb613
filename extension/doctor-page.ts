/** What `tessera doctor --json` says, as Markdown. Pure. */
import { escapeMarkdown, markdownTable } from '../protocol/markdown';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** Nothing is wrong when it is missing. */
  readonly optional?: boolean;
  readonly detail: string;
}

/** `output` is a JSON list of checks; anything else is shown as it came. `host` is what the editor knows itself. */
export function doctorPage(output: string, host: readonly (readonly [string, string])[]): string {
  const checks = parseChecks(output);
  const rows = [
    ...host.map(([name, value]) => ['', name, value]),
    ...(checks ?? []).map(({ name, ok, optional, detail }) => [ok ? '✓' : optional ? '–' : '✗', name, detail]),
  ];
  const missing = checks?.filter(({ ok, optional }) => !ok && !optional).map(({ name }) => name) ?? [];
  const verdict =
    checks === undefined
      ? 'The trainer did not report as expected:'
      : missing.length === 0
        ? 'Everything that training needs is here.'
        : `Training needs what is missing: ${missing.map(escapeMarkdown).join(', ')}.`;
  return [
    '# Tessera Doctor',
    '',
    verdict,
    '',
    ...(checks === undefined ? ['```', output, '```', ''] : []),
    markdownTable(['', 'what', 'found'], rows),
    '',
  ].join('\n');
}

function parseChecks(output: string): Check[] | undefined {
  try {
    const value: unknown = JSON.parse(output);
    return Array.isArray(value) && value.every(isCheck) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isCheck(value: unknown): value is Check {
  const { name, ok, detail } = (value ?? {}) as Partial<Check>;
  return typeof name === 'string' && typeof ok === 'boolean' && typeof detail === 'string';
}
