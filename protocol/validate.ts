/**
 * From the text of a `*.tessera.jsonc` to a config, or to everything that is wrong with it, each
 * problem at the exact value. The one judge for editor, trainer and command line.
 */
import * as jsonc from 'jsonc-parser';
import type * as z from 'zod';
import { closest } from './closest';
import { ExperimentConfig } from './config';
import { experimentSchema, type JsonSchema } from './schema';
import { checkMeaning, type JsonPath } from './semantics';

export interface Problem {
  /** `pretrain.optimizer.betas[1]`; empty for the file as a whole. */
  readonly path: string;
  /** One sentence that says what is wrong and how to mend it. */
  readonly message: string;
  /** Where in the text, in UTF-16 units. */
  readonly offset: number;
  readonly length: number;
  /** JSON text that mends the problem when put in place of the range. */
  readonly suggestion?: string;
  readonly source: 'syntax' | 'schema' | 'semantic';
}

export type ParsedExperiment =
  | { readonly ok: true; readonly config: ExperimentConfig }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Never throws; problems come in the order of the text. */
export function parseExperiment(text: string): ParsedExperiment {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = 'The file is nested too deeply to be an experiment.';
    return { ok: false, problems: [{ path: '', message, offset: 0, length: 1, source: 'syntax' }] };
  }
}

function parse(text: string): ParsedExperiment {
  const { root, problems } = parseText(text);
  if (root === undefined || problems.length > 0) return { ok: false, problems };
  const parsed = ExperimentConfig.safeParse(jsonc.getNodeValue(root));
  if (parsed.success) {
    checkMeaning(parsed.data, (path, message) => {
      problems.push({ ...at(root, path), path: pathText(path), message, source: 'semantic' });
    });
    if (problems.length === 0) return { ok: true, config: parsed.data };
  } else {
    for (const issue of parsed.error.issues) problems.push(...issueProblems(root, issue));
  }
  return { ok: false, problems: problems.sort((a, b) => a.offset - b.offset) };
}

/** The syntax tree of a config as far as it can be read: what an editor hangs its hints on. */
export function parseTree(text: string): jsonc.Node | undefined {
  try {
    return jsonc.parseTree(text, [], { allowTrailingComma: true });
  } catch {
    // The parser recurses; a file nested thousands deep has no blocks to show hints at.
    return undefined;
  }
}

/** 1-based, for messages. */
export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** `file:line:column: message`, one line per problem. */
export function describeProblems(file: string, text: string, problems: readonly Problem[]): string {
  return problems
    .map((problem) => {
      const { line, column } = lineAndColumn(text, problem.offset);
      return `${file}:${line}:${column}: ${problem.message}`;
    })
    .join('\n');
}

function parseText(text: string): { root?: jsonc.Node; problems: Problem[] } {
  const errors: jsonc.ParseError[] = [];
  // A byte-order mark is an editor's habit, not an error; a space keeps the offsets.
  const root = jsonc.parseTree(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true });
  const problems: Problem[] = errors.map(({ error, offset, length }) => {
    // What is missing at the end is reported behind it, and a token that never ends past it.
    const start = Math.min(offset, Math.max(0, text.length - 1));
    return {
      path: '',
      message: syntaxMessage(jsonc.printParseErrorCode(error)),
      offset: start,
      length: Math.max(1, Math.min(length, text.length - start)),
      source: 'syntax',
    };
  });
  if (root === undefined && problems.length === 0) {
    problems.push({ path: '', message: emptyMessage, offset: 0, length: 1, source: 'syntax' });
  }
  if (root) problems.push(...repeatedKeys(root));
  return { root, problems };
}

const emptyMessage =
  'The file is empty; an experiment is an object such as { "data": { "source": "builtin:shapes" } }.';

function syntaxMessage(code: string): string {
  if (code === 'ValueExpected') return 'A value is missing here.';
  // CommaExpected -> "Comma expected."
  const words = code.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return `${words[0]!.toUpperCase()}${words.slice(1)}.`;
}

/** JSON lets the last of two equal keys win silently. */
function repeatedKeys(node: jsonc.Node): Problem[] {
  const problems: Problem[] = [];
  const seen = new Set<unknown>();
  for (const child of node.children ?? []) {
    const key = child.type === 'property' ? child.children?.[0] : undefined;
    if (key && seen.has(key.value)) {
      const path = jsonc.getNodePath(key);
      problems.push({
        ...range(key),
        path: pathText(path),
        message: `"${String(key.value)}" is given twice; remove one of them.`,
        source: 'syntax',
      });
    }
    if (key) seen.add(key.value);
    problems.push(...repeatedKeys(child));
  }
  return problems;
}

function issueProblems(root: jsonc.Node, issue: z.core.$ZodIssue): Problem[] {
  const path = issue.path as JsonPath;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(root, [...path, key]));
  const place = at(root, path);
  const found = jsonc.findNodeAtLocation(root, [...path]);
  const { message, suggestion } = wording(issue, path, found && (jsonc.getNodeValue(found) as unknown));
  return [{ ...place, path: pathText(path), message, suggestion, source: 'schema' }];
}

function unknownKey(root: jsonc.Node, path: JsonPath): Problem {
  const key = String(path.at(-1));
  const block = pathText(path.slice(0, -1));
  const known = Object.keys(schemaAt(path.slice(0, -1))?.properties ?? {});
  const meant = closest(key, known);
  const home = Object.entries(experimentSchema().properties ?? {}).find(([, schema]) => schema.properties?.[key]);
  const tag = known.includes(key) ? tagOf(root, path) : undefined;
  const where = block ? ` in "${block}"` : '';
  const hint = tag
    ? `it is not an option of ${tag}.`
    : meant
      ? `did you mean "${meant}"?`
      : home
        ? `it belongs in "${home[0]}".`
        : `the keys here are ${known.map((name) => `"${name}"`).join(', ')}.`;
  const node = jsonc.findNodeAtLocation(root, [...path])?.parent?.children?.[0] ?? root;
  return {
    ...range(node),
    path: pathText(path),
    message: `Unknown key "${key}"${where}; ${hint}`,
    suggestion: tag ? undefined : meant && JSON.stringify(meant),
    source: 'schema',
  };
}

/** What kind of block a key stands in, where there are several: `"method": "mae"`. */
function tagOf(root: jsonc.Node, path: JsonPath): string | undefined {
  for (const tag of ['method', 'type']) {
    const schema = schemaAt([...path.slice(0, -1), tag]);
    if (!schema) continue;
    const given = jsonc.findNodeAtLocation(root, [...path.slice(0, -1), tag]);
    return `"${tag}": ${JSON.stringify(given ? jsonc.getNodeValue(given) : schema.examples?.[0])}`;
  }
  return undefined;
}

/** zod's issue in words that name the value found and what to put instead. */
function wording(issue: z.core.$ZodIssue, path: JsonPath, value: unknown): { message: string; suggestion?: string } {
  const name = path.length > 0 ? `"${pathText(path)}"` : 'An experiment';
  const got = JSON.stringify(value);
  switch (issue.code) {
    case 'invalid_type': {
      const expected = typeWords[issue.expected] ?? issue.expected;
      if (value === undefined) return { message: `${name} is missing; give ${expected}.` };
      return { message: `${name} must be ${expected}, not ${got.length > 40 ? typeof value : got}.` };
    }
    case 'too_small':
    case 'too_big': {
      const small = issue.code === 'too_small';
      const bound = Number(small ? issue.minimum : issue.maximum);
      if (issue.origin === 'array') {
        return {
          message: `${name} must have ${small ? 'at least' : 'at most'} ${bound} value${bound === 1 ? '' : 's'}.`,
        };
      }
      if (issue.origin === 'string') return { message: `${name} must not be empty.` };
      const relation = small ? (issue.inclusive ? 'at least' : 'more than') : issue.inclusive ? 'at most' : 'less than';
      return { message: `${name} must be ${relation} ${bound}, not ${got}.` };
    }
    case 'invalid_union':
    case 'invalid_value': {
      const allowed = issue.code === 'invalid_value' ? issue.values.map(String) : choicesAt(path);
      const meant = typeof value === 'string' ? closest(value, allowed) : undefined;
      const list = allowed.map((v) => `"${v}"`).join(', ');
      const message = meant
        ? `${name} must be ${list}; did you mean "${meant}"?`
        : `${name} must be ${allowed.length > 1 ? 'one of ' : ''}${list}, not ${got}.`;
      return { message, suggestion: meant && JSON.stringify(meant) };
    }
    default:
      return { message: `${name}: ${issue.message}.` };
  }
}

const typeWords: Record<string, string> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text in quotes',
  boolean: 'true or false',
  object: 'an object { }',
  array: 'a list [ ]',
  tuple: 'a list [ ]',
};

/** The values that tell the blocks of a union apart. */
const choicesAt = (path: JsonPath): string[] => (schemaAt(path)?.examples ?? []).map(String);

function schemaAt(path: JsonPath): JsonSchema | undefined {
  let schema: JsonSchema | undefined = experimentSchema();
  for (const key of path) schema = schema?.properties?.[key];
  return schema;
}

/** The range of a value; of the key of the nearest block around it when the value is a default. */
function at(root: jsonc.Node, path: JsonPath): { offset: number; length: number } {
  const node = jsonc.findNodeAtLocation(root, [...path]);
  if (node) return range(path.length === 0 && node.type === 'object' ? { ...node, length: 1 } : node);
  for (let depth = path.length - 1; depth > 0; depth--) {
    const block = jsonc.findNodeAtLocation(root, path.slice(0, depth));
    if (block) return range(block.parent?.children?.[0] ?? block);
  }
  return { offset: root.offset, length: 1 };
}

function range({ offset, length }: { offset: number; length: number }): { offset: number; length: number } {
  return { offset, length: Math.max(1, length) };
}

function pathText(path: JsonPath): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text ? `${text}.${part}` : part),
    '',
  );
}
