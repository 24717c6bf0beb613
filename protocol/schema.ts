/** The JSON schema of an experiment config: what gives an editor its completions and hovers. */
import * as z from 'zod';
import { ExperimentConfig } from './config';

export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly [keyword: string]: unknown;
}

/** Draft 7, because that is what VS Code's JSON language server knows best. */
export function experimentSchema(): JsonSchema {
  const schema = z.toJSONSchema(ExperimentConfig, {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }) => {
      // `z.int()` bounds itself by the safe integers; in a hover that is noise.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      // The language server shows `description` as plain text.
      if (jsonSchema.description) jsonSchema.markdownDescription = jsonSchema.description;
    },
  });
  return { ...(schema as JsonSchema), allowTrailingCommas: true };
}
