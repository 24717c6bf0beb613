import { describe, expect, it } from 'vitest';
import { experimentSchema, type JsonSchema } from '../../../protocol/schema';

describe('the JSON schema', () => {
  const schema = experimentSchema();

  it('asks for what a person writes, not for what is filled in', () => {
    expect(schema.required).toEqual(['data']);
    expect(schema.properties?.pretrain?.required).toBeUndefined();
  });

  it('has a description for every key, so that each has a hover', () => {
    const bare: string[] = [];
    const visit = (path: string, node: JsonSchema) => {
      for (const [key, child] of Object.entries(node.properties ?? {})) {
        if (!child.description && key !== '$schema') bare.push(`${path}${key}`);
        visit(`${path}${key}.`, child);
      }
    };
    visit('', schema);
    expect(bare).toEqual([]);
  });
});
