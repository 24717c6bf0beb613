import { describe, expect, it } from 'vitest';
import { experimentSchema, type JsonSchema } from '../../../protocol/schema';

const schema = experimentSchema();

function everyKey(visit: (path: string, schema: JsonSchema) => void, path = '', node: JsonSchema = schema): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    visit(`${path}${key}`, child);
    everyKey(visit, `${path}${key}.`, child);
  }
}

describe('the JSON schema', () => {
  it('has a description for every key, so that each has a hover', () => {
    const bare: string[] = [];
    everyKey((path, { description }) => {
      if (!description && path !== '$schema') bare.push(path);
    });
    expect(bare).toEqual([]);
  });

  it('offers defaults and the values to choose from', () => {
    const { pretrain, engine } = schema.properties ?? {};
    expect(engine?.examples).toEqual(['auto', 'onnx', 'tensorflow', 'reference']);
    expect(pretrain?.properties?.maskRatio?.default).toBe(0.75);
    expect(pretrain?.properties?.normalizeTarget?.examples).toEqual([true, false]);
  });

  it('offers the sizes of a ViT, and says what they are', () => {
    const { size } = schema.properties?.pretrain?.properties?.backbone?.properties ?? {};
    expect(size?.examples).toEqual(['tiny', 'small', 'base']);
    expect(size?.description).toContain('`small` 384, 12 and 6');
  });

  it('never complains, since the validation already does', () => {
    const annotations =
      /^(\$schema|default|description|markdownDescription|examples|properties|items|allowTrailingCommas|defaultSnippets)$/;
    const judging = new Set<string>();
    const collect = (node: JsonSchema) =>
      Object.keys(node)
        .filter((k) => !annotations.test(k))
        .forEach((k) => judging.add(k));
    collect(schema);
    everyKey((_, node) => collect(node));
    expect([...judging]).toEqual([]);
  });
});
