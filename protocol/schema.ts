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
  const { data, ...blocks } = schema.properties ?? {};
  return {
    ...schema,
    allowTrailingCommas: true,
    // The only block without a default; completing its name gives it the one key that it needs.
    properties: { data: { ...data, defaultSnippets: [{ body: { source: '${1:builtin:shapes}' } }] }, ...blocks },
  };
}

const judging = [
  'type',
  'enum',
  'const',
  'anyOf',
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
