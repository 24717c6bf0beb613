/**
 * The JSON schema of an experiment config, for an editor's completions and hovers. It only offers and
 * explains, and never complains: `parseExperiment` is the one judge, so that no problem shows twice.
 */
import * as z from 'zod';
import { ExperimentConfig } from './config';

export interface JsonSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly [keyword: string]: unknown;
}

/** Draft 7, because that is what VS Code's JSON language server knows best. */
export function experimentSchema(): JsonSchema {
  const schema = z.toJSONSchema(ExperimentConfig, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => {
      const { type, enum: values, const: value } = jsonSchema;
      for (const keyword of judging) delete jsonSchema[keyword];
      // Values to choose from are offered as examples, which nothing is checked against.
      if (values) jsonSchema.examples = [...values];
      else if (value !== undefined) jsonSchema.examples = [value];
      else if (type === 'boolean') jsonSchema.examples = [true, false];
      // The language server shows `description` as plain text.
      if (jsonSchema.description) jsonSchema.markdownDescription = jsonSchema.description;
    },
  }) as JsonSchema;
  const { data, ...blocks } = withoutUnions(schema).properties ?? {};
  return {
    ...schema,
    allowTrailingCommas: true,
    // The only block without a default; completing its name gives it the one key that it needs.
    properties: { data: { ...data, defaultSnippets: [{ body: { source: '${1:builtin:shapes}' } }] }, ...blocks },
  };
}

/** Where a block is one of several, the keys of all of them: which go together is for the validation to say. */
function withoutUnions({ oneOf, anyOf, ...schema }: JsonSchema): JsonSchema {
  const { properties } = schema;
  const options = ((oneOf ?? anyOf) as readonly JsonSchema[] | undefined) ?? [];
  const blocks = [...options, ...(properties ? [{ properties }] : [])];
  if (!blocks.some(({ properties }) => properties)) return schema;
  const merged: Record<string, JsonSchema> = {};
  for (const [key, found] of blocks.flatMap((block) => Object.entries(block.properties ?? {}))) {
    const known = merged[key];
    merged[key] = known ? both(known, found) : found;
  }
  return { ...schema, properties: mapValues(merged, withoutUnions) };
}

/** One key of two blocks: what either says of it, and the values of both. */
function both(a: JsonSchema, b: JsonSchema): JsonSchema {
  const description = [...new Set([a, b].flatMap((each) => each.description?.split('\n') ?? []))].join('\n');
  const examples = [...new Set([...(a.examples ?? []), ...(b.examples ?? [])])];
  return {
    ...a,
    ...(description ? { description, markdownDescription: description } : {}),
    ...(examples.length > 0 ? { examples } : {}),
  };
}

const mapValues = (record: Readonly<Record<string, JsonSchema>>, f: (schema: JsonSchema) => JsonSchema) =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]));

const judging = [
  'type',
  'enum',
  'const',
  'required',
  'additionalProperties',
  'additionalItems',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'pattern',
  'minItems',
  'maxItems',
] as const;
