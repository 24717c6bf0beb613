import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeProblems, parseExperiment, type Problem } from '../../../protocol/validate';

/** The problems of a config, each as [the text it points at, its message]. */
function complaints(text: string): [string, string][] {
  const parsed = parseExperiment(text);
  if (parsed.ok) return [];
  return parsed.problems.map(({ offset, length, message }) => [text.slice(offset, offset + length), message]);
}

function only(text: string): Problem {
  const parsed = parseExperiment(text);
  if (parsed.ok) throw new Error('expected a problem');
  expect(parsed.problems).toHaveLength(1);
  return parsed.problems[0]!;
}

const experiment = (blocks: string) => `{ "data": { "source": "builtin:shapes" }, ${blocks} }`;

describe('a valid config', () => {
  it('needs nothing but data; everything else has a default that is itself valid', () => {
    const parsed = parseExperiment('{ "data": { "source": "builtin:shapes" } }');
    expect(parsed.ok && parsed.config.pretrain).toMatchObject({ method: 'mae', maskRatio: 0.75, epochs: 100 });
    expect(parsed.ok && parsed.config.finetune.epochs).toBe(50);
  });

  it('parses to itself again when every default is written out', () => {
    const once = parseExperiment(experiment('"pretrain": { "steps": 20 }'));
    if (!once.ok) throw new Error('expected a config');
    expect(once.config.pretrain.epochs).toBeUndefined();
    expect(parseExperiment(JSON.stringify(once.config))).toEqual(once);
  });

  it.each([
    ['{ }', { width: 192, depth: 12, heads: 3 }],
    ['{ "size": "tiny" }', { size: 'tiny', width: 192, depth: 12, heads: 3 }],
    ['{ "size": "small", "patchSize": 8 }', { size: 'small', patchSize: 8, width: 384, depth: 12, heads: 6 }],
    ['{ "size": "base" }', { size: 'base', width: 768, depth: 12, heads: 12 }],
    ['{ "width": 64, "heads": 4 }', { width: 64, depth: 12, heads: 4 }],
  ])('says how large the ViT %s is, and says the same when it is read again', (backbone, size) => {
    const parsed = parseExperiment(experiment(`"pretrain": { "backbone": ${backbone} }`));
    if (!parsed.ok) throw new Error('expected a config');
    expect(parsed.config.pretrain.backbone).toMatchObject(size);
    expect(parseExperiment(JSON.stringify(parsed.config))).toEqual(parsed);
  });

  it.each([
    ['{ }', { layers: 1, views: 0, epochs: 100, k: 20, temperature: 0.07, hidden: [] }],
    ['{ "protocol": "mae" }', { layers: 1, views: 10, epochs: 90, learningRates: [0.1, 0.4, 1.6, 6.4, 25.6] }],
    ['{ "protocol": "dino", "views": 0 }', { layers: 4, views: 0, epochs: 100 }],
    ['{ "knn": "instdisc" }', { k: 200, temperature: 0.1 }],
    ['{ "knn": "instdisc", "k": 50 }', { k: 50, temperature: 0.1 }],
  ])('fills in what a protocol of the probe means: %s', (probe, filled) => {
    const parsed = parseExperiment(experiment(`"probe": ${probe}`));
    if (!parsed.ok) throw new Error('expected a config');
    expect(parsed.config.probe).toMatchObject(filled);
    expect(parseExperiment(JSON.stringify(parsed.config))).toEqual(parsed);
  });

  it('may have comments, trailing commas and a byte-order mark', () => {
    const text = '\uFEFF// mine\n{ "data": { "source": "photos", /* all */ }, }';
    expect(parseExperiment(text).ok).toBe(true);
  });
});

describe('broken syntax', () => {
  it('is reported where it breaks', () => {
    const text = '{ "data": { "source": "builtin:shapes" } "seed": 1 }';
    const problem = only(text);
    expect(problem).toMatchObject({ source: 'syntax', message: 'Comma expected.' });
    expect(text.slice(problem.offset)).toMatch(/^"seed"/);
  });

  it.each(['', '   ', '// nothing yet\n'])('of an empty file (%j) says what an experiment is', (text) => {
    expect(only(text)).toMatchObject({ source: 'syntax', path: '' });
  });

  it('keeps every range inside the text', () => {
    for (const text of ['{', '{ "data": ', '[', '{ "a" }', '"', '{ "data": { "source": "x" }', '{ "a"/*']) {
      const parsed = parseExperiment(text);
      if (parsed.ok) throw new Error(`${text} should not be valid`);
      for (const { offset, length } of parsed.problems) {
        expect(offset).toBeLessThan(text.length);
        expect(length).toBeGreaterThan(0);
        expect(offset + length).toBeLessThanOrEqual(text.length);
      }
    }
  });

  it('finds a key that is given twice', () => {
    const text = experiment('"seed": 1, "seed": 2');
    expect(only(text)).toMatchObject({ path: 'seed', offset: text.lastIndexOf('"seed"') });
  });

  it('does not run out of stack on a file nested without end', () => {
    expect(only('['.repeat(200_000)).message).toMatch(/nested too deeply/);
  });
});

describe('keys', () => {
  it('that are misspelt come with what was meant', () => {
    const text = experiment('"pretrain": { "maskratoi": 0.5 }');
    const problem = only(text);
    expect(problem).toMatchObject({ path: 'pretrain.maskratoi', suggestion: '"maskRatio"', source: 'schema' });
    expect(text.slice(problem.offset, problem.offset + problem.length)).toBe('"maskratoi"');
    expect(problem.message).toBe('Unknown key "maskratoi" in "pretrain"; did you mean "maskRatio"?');
  });

  it('that stand in the wrong block are sent home', () => {
    expect(only(experiment('"maskRatio": 0.5')).message).toBe('Unknown key "maskRatio"; it belongs in "pretrain".');
  });

  it('that belong to another kind of block are said to', () => {
    const text = experiment('"pretrain": { "backbone": { "type": "resnet18", "heads": 3 } }');
    expect(only(text).message).toBe(
      'Unknown key "heads" in "pretrain.backbone"; it is not an option of "type": "resnet18".',
    );
    expect(only(experiment('"pretrain": { "backbone": { "stem": "cifar" } }')).message).toContain(
      'not an option of "type": "vit"',
    );
  });

  it('that mean nothing get the list of keys', () => {
    expect(only(experiment('"pretrain": { "decoder": { "colour": 1 } }')).message).toBe(
      'Unknown key "colour" in "pretrain.decoder"; the keys here are "width", "depth", "heads".',
    );
  });

  it('that are required are missed at their block', () => {
    expect(complaints('{ "seed": 1 }')).toEqual([['{', '"data" is missing; give an object { }.']]);
    expect(complaints('{ "data": { } }')).toEqual(
      [['{ }', '"data.source" is missing; give a text in quotes.']].map(([, message]) => ['"data"', message]),
    );
  });
});

describe('values', () => {
  it.each([
    ['"seed": 1.5', '1.5', '"seed" must be a whole number, not 1.5.'],
    ['"pretrain": { "batchSize": 0 }', '0', '"pretrain.batchSize" must be at least 1, not 0.'],
    ['"pretrain": { "maskRatio": 1 }', '1', '"pretrain.maskRatio" must be less than 1, not 1.'],
    [
      '"pretrain": { "normalizeTarget": "yes" }',
      '"yes"',
      '"pretrain.normalizeTarget" must be true or false, not "yes".',
    ],
    [
      '"pretrain": { "optimizer": { "betas": [0.9, 2] } }',
      '2',
      '"pretrain.optimizer.betas[1]" must be less than 1, not 2.',
    ],
    ['"pretrain": { "method": "simclr", "temperature": 0 }', '0', '"pretrain.temperature" must be more than 0, not 0.'],
    [
      '"pretrain": { "method": "moco", "temperature": -0.1 }',
      '-0.1',
      '"pretrain.temperature" must be more than 0, not -0.1.',
    ],
    ['"probe": { "labels": [] }', '[]', '"probe.labels" must have at least 1 value.'],
    ['"pretrain": { "method": "jigsaw", "grid": 4 }', '4', '"pretrain.grid" must be at most 3, not 4.'],
    ['"pretrain": null', 'null', '"pretrain" must be an object { }, not null.'],
  ])('out of range in %s', (block, at, message) => {
    expect(complaints(experiment(block))).toEqual([[at, message]]);
  });

  it('that are one letter off come with the nearest allowed one', () => {
    expect(only(experiment('"engine": "onxx"'))).toMatchObject({
      suggestion: '"onnx"',
      message: '"engine" must be "auto", "onnx", "tensorflow", "reference"; did you mean "onnx"?',
    });
  });

  it('that name no kind of block come with the kinds there are', () => {
    expect(only(experiment('"pretrain": { "backbone": { "type": "resnet19" } }')).message).toBe(
      '"pretrain.backbone.type" must be "vit", "resnet18", "resnet50"; did you mean "resnet18"?',
    );
  });

  it('that are wrong are all reported, in the order of the text', () => {
    const found = complaints(experiment('"seed": -1, "pretrain": { "steps": 0, "nope": 1 }'));
    expect(found.map(([at]) => at)).toEqual(['-1', '0', '"nope"']);
  });
});

describe('values that do not go together', () => {
  it.each([
    ['"pretrain": { "backbone": { "patchSize": 5 } }', '5', /32 is not a multiple of 5; use one of 1, 2, 4, 8, 16, 32/],
    [
      '"pretrain": { "backbone": { "size": "small", "width": 192 } }',
      '192',
      /"small" has a width of 384, not 192; remove "width", or "size"/,
    ],
    ['"probe": { "layers": 13 }', '13', /has 12 blocks \("pretrain.backbone"\), not 13; give "layers", at most 12/],
    [
      '"pretrain": { "backbone": { "depth": 1 } }, "probe": { "protocol": "dino" }',
      '"probe"',
      /has 1 block .*, not 4; give "layers", at most 1/,
    ],
    ['"finetune": { "blocks": 13 }', '13', /has 12 blocks \("pretrain.backbone"\), not 13; use at most 12, or remove/],
    [
      '"pretrain": { "method": "rotation", "backbone": { "type": "resnet18" } }, "finetune": { "blocks": 9 }',
      '9',
      /has 8 blocks/,
    ],
    ['"pretrain": { "backbone": { "heads": 5 } }', '5', /192 is not a multiple of 5/],
    ['"pretrain": { "backbone": { "mlpRatio": 0.001 } }', '0.001', /leaves no hidden units; use at least/],
    ['"pretrain": { "maskRatio": 1e-20 }', '1e-20', /hides none; use at least 0\.015625/],
    ['"pretrain": { "backbone": { "type": "resnet18" } }', '"resnet18"', /needs a token of each patch.*use "vit"/],
    ['"pretrain": { "decoder": { "width": 30, "heads": 3 } }', '30', /multiple of 4.*use 32/],
    ['"pretrain": { "masking": "grid", "maskRatio": 0.5 }', '0.5', /leaves one of every four patches.*use 0\.75/],
    [
      '"pretrain": { "masking": "grid", "backbone": { "patchSize": 32 } }',
      '"grid"',
      /even number of patches along a side, not 1 .*use "random"/,
    ],
    [
      '"pretrain": { "method": "inpainting", "holeArea": 0.999, "hole": "centre" }',
      '0.999',
      /as large as the image and leaves nothing to see; use less/,
    ],
    [
      '"pretrain": { "method": "inpainting", "holeArea": 0.9999 }',
      '0.9999',
      /as large as the image and leaves nothing to see; use less/,
    ],
    ['"pretrain": { "method": "inpainting", "holeArea": 0.0001 }', '0.0001', /smaller than a pixel; use more/],
    [
      '"pretrain": { "method": "inpainting", "backbone": { "type": "resnet18" } }',
      '"resnet18"',
      /"inpainting" needs a token of each patch.*use "vit"/,
    ],
    ['"pretrain": { "method": "inpainting", "decoder": { "width": 10, "heads": 2 } }', '10', /multiple of 4 .*use 12/],
    [
      '"pretrain": { "method": "colorization", "backbone": { "type": "resnet18" } }',
      '"resnet18"',
      /"colorization" needs a token of each patch.*use "vit"/,
    ],
    ['"pretrain": { "method": "colorization", "cells": 3 }', '3', /4 is not a multiple of 3; use one of 1, 2, 4/],
    ['"pretrain": { "method": "colorization", "transform": { "grayscale": 1 } }', '1', /All views are grey.*use 0/],
    ['"pretrain": { "maskRatio": 0.99 }', '0.99', /Of 64 patches .* leaves none visible; use at most 0\.984/],
    ['"pretrain": { "backbone": { "patchSize": 32 } }', '"pretrain"', /Of 1 patch .*use smaller patches/],
    [
      '"pretrain": { "method": "dino", "localSize": 3 }',
      '3',
      /small view of 3 px has no room for a patch of 4 px; use 4/,
    ],
    [
      '"pretrain": { "method": "dino", "backbone": { "type": "resnet18" }, "localSize": 1 }',
      '1',
      /"pretrain\.localSize" must be at least 3, not 1/,
    ],
    ['"pretrain": { "method": "dino", "localSize": 18 }', '18', /must divide .* 18 is not a multiple of 4; use 20/],
    ['"pretrain": { "method": "dino", "localSize": 48 }', '48', /larger than the images of 32 px .*; use 32/],
    [
      '"pretrain": { "method": "dino", "teacherTemperature": [0.04, 0.2] }',
      '0.2',
      /sharper .* "studentTemperature", which is 0\.1/,
    ],
    [
      '"pretrain": { "method": "dino", "localTransform": { "crop": [0.4, 0.1] } }',
      '[0.4, 0.1]',
      /reversed; use \[0\.1, 0\.4\]/,
    ],
    ['"pretrain": { "method": "dino", "head": { "prototypes": 1 } }', '1', /at least 2/],
    ['"pretrain": { "steps": 10, "epochs": 2 }', '2', /either "steps" or "epochs"/],
    ['"pretrain": { "optimizer": { "minLr": 0.1 } }', '0.1', /above its peak: 0\.1 is more than .*0\.0000375/],
    ['"pretrain": { "transform": { "crop": [1, 0.5] } }', '[1, 0.5]', /reversed; use \[0\.5, 1\]/],
    ['"finetune": { "labels": [0.1, 1, 0.1] }', '0.1', /listed twice/],
    [`"probe": { "labels": [${Array.from({ length: 11 }, (_, i) => (i + 1) / 11).join()}] }`, /^\[/, /at most 10/],
    [
      '"cluster": { "k": 20, "images": 10 }',
      '20',
      /10 images \("cluster.images"\) cannot form 20 clusters; use at most 10/,
    ],
    ['"engine": "reference", "device": "webgpu"', '"webgpu"', /CPU only/],
    [
      '"engine": "tensorflow", "pretrain": { "precision": "mixed" }',
      '"mixed"',
      /tensorflow engine has no mixed precision; say "float32", or use the onnx engine/,
    ],
    ['"device": "cuda", "pretrain": { "precision": "mixed" }', '"mixed"', /say "float32", or use "webgpu"/],
    ['"pretrain": { "method": "simclr", "batchSize": 1 }', '1', /no others to tell it from; use at least 2/],
    ['"pretrain": { "method": "moco", "version": "v3", "batchSize": 1 }', '1', /no others to tell it from/],
    [
      '"pretrain": { "method": "moco", "version": "v2", "queue": 1000 }',
      '1000',
      /not a multiple of the batch of 64; use 1024/,
    ],
    ['"pretrain": { "method": "moco", "version": "v2", "queue": 5 }', '5', /not a multiple of the batch of 64; use 64/],
  ])('%s', (block, at, message) => {
    const found = complaints(experiment(block));
    expect(found).toHaveLength(1);
    if (typeof at === 'string') expect(found[0]![0]).toBe(at);
    else expect(found[0]![0]).toMatch(at);
    expect(found[0]![1]).toMatch(message);
  });

  it.each([
    [32, '"grid": 2, "permutations": 25', '25', /^4 tiles have 24 orders, fewer than 25; use at most 24, or a larger/],
    [32, '"grid": 2', '"pretrain"', /^4 tiles have 24 orders, fewer than 100/],
    [
      32,
      '"tileSize": 12',
      '12',
      /3 x 3 .* 32 px has cells of 10 px, too small for tiles of 12 px; use at most 8, or a "grid" of 2/,
    ],
    [32, '"tileSize": 20', '20', /too small for tiles of 20 px; use at most 8, or a larger "data\.imageSize"\.$/],
    [32, '"tileSize": 10', '10', /must divide the tile size: 10 is not a multiple of 4; use 8\.$/],
    [32, '"tileSize": 3', '3', /3 is not a multiple of 4; use 4\.$/],
    [
      32,
      '"backbone": { "patchSize": 16 }',
      '16',
      /no patch of 16 px fits; use one of 1, 2, 4, 8, or a "grid" of 2, or/,
    ],
    [32, '"backbone": { "patchSize": 32 }', '32', /no patch of 32 px fits; use one of 1, 2, 4, 8, or a larger/],
    [
      12,
      '"backbone": { "type": "resnet18" }',
      '12',
      /cells of 4 px, too small .*; use at least 15, or a "grid" of 2\.$/,
    ],
    [8, '"backbone": { "type": "resnet18" }', '8', /cells of 2 px, too small .*; use at least 15\.$/],
  ])('a jigsaw on images of %d px with %s', (imageSize, options, at, message) => {
    const found = complaints(
      `{ "data": { "source": "a", "imageSize": ${imageSize} }, "pretrain": { "method": "jigsaw", ${options} } }`,
    );
    expect(found).toEqual([[at, expect.stringMatching(message)]]);
  });

  it('point at the block when the value is a default', () => {
    const text = '{ "data": { "source": "builtin:shapes", "imageSize": 30 } }';
    expect(only(text)).toMatchObject({ path: 'pretrain.backbone.patchSize', offset: 0, length: 1 });
  });

  it('name the fix for a mask ratio, and the fix is valid', () => {
    for (const patchSize of [4, 8, 16]) {
      const block = (ratio: number) =>
        experiment(`"pretrain": { "maskRatio": ${ratio}, "backbone": { "patchSize": ${patchSize} } }`);
      const fix = Number(/at most ([\d.]+\d)/.exec(only(block(0.999)).message)![1]);
      expect(parseExperiment(block(fix)).ok).toBe(true);
    }
  });

  it('include a batch larger than the set, and test images that are the training images', () => {
    expect(complaints('{ "data": { "source": "a", "train": 10 } }')[0]![1]).toMatch(/batch of 64 .* set of 10/);
    expect(complaints('{ "data": { "source": "a", "test": 5 }, "cluster": { "k": 6 } }')[0]![1]).toMatch(
      /5 images \("data.test"\)/,
    );
    expect(complaints('{ "data": { "source": "a", "testSource": "a" } }')[0]![1]).toMatch(/must not be the training/);
    const [same] = complaints('{ "data": { "source": "a" }, "transfer": { "source": "a" } }');
    expect(same![1]).toMatch(/These are the images of the pretraining; name another data set/);
  });

  it('include a queue larger than the set, with a fix that is valid', () => {
    const text = (queue: number) =>
      `{ "data": { "source": "a", "train": 1000 }, "pretrain": { "method": "moco", "version": "v2", "queue": ${queue} } }`;
    const { path, message } = only(text(4096));
    expect(path).toBe('pretrain.queue');
    const fix = Number(/larger than the training set of 1000.*at most (\d+)/.exec(message)![1]);
    expect(fix).toBe(960);
    expect(parseExperiment(text(fix)).ok).toBe(true);
    // Version 3 has no queue.
    expect(parseExperiment(text(4096).replace('"v2"', '"v3"')).ok).toBe(true);
  });

  it('answer at once however large the numbers are', () => {
    const found = complaints(experiment('"pretrain": { "backbone": { "width": 9007199254740988, "heads": 9 } }'));
    expect(found[0]![1]).toMatch(/heads must divide the width/);
  });
});

it('judges any text at all, with every range inside it', () => {
  const valid = experiment(
    '"pretrain": { "steps": 20, "backbone": { "patchSize": 4 } }, "probe": { "labels": [0.1, 1] }',
  );
  const cut = fc
    .tuple(fc.nat(valid.length), fc.nat(20), fc.string())
    .map(([start, length, put]) => valid.slice(0, start) + put + valid.slice(start + length));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), cut), (text) => {
      const parsed = parseExperiment(text);
      if (parsed.ok) return;
      expect(parsed.problems.length).toBeGreaterThan(0);
      for (const { offset, length, message } of parsed.problems) {
        expect(offset).toBeGreaterThanOrEqual(0);
        expect(length).toBeGreaterThan(0);
        expect(offset + length).toBeLessThanOrEqual(Math.max(1, text.length));
        expect(message).not.toBe('');
      }
    }),
    { numRuns: 500 },
  );
});

it('prints as file:line:column', () => {
  const text = '{\n  "data": { "source": "x" },\n  "seed": -1\n}';
  const parsed = parseExperiment(text);
  expect(describeProblems('a.tessera.jsonc', text, parsed.ok ? [] : parsed.problems)).toBe(
    'a.tessera.jsonc:3:11: "seed" must be at least 0, not -1.',
  );
});

it.each([
  ['"corruptions": ["fog", "rain"]', 'rain'],
  ['"corruptions": ["fog", "fog"]', 'once'],
  ['"severities": [0]', 'severities'],
  ['"images": 0', 'images'],
  ['"shift": { "folder": "x" }', 'folder'],
  ['"shift": { "source": "builtin:shapes" }', 'no other data set'],
])('refuses a robustness block with %s', (content, part) => {
  const parsed = parseExperiment(experiment(`"robustness": { ${content} }`));
  const messages = parsed.ok ? '' : parsed.problems.map(({ message }) => message).join(' ');
  expect(messages).toContain(part);
});

it('corrupts in all 15 ways by default', () => {
  const parsed = parseExperiment(experiment('"robustness": { "images": 50 }'));
  expect(parsed.ok && parsed.config.robustness).toMatchObject({ images: 50, severities: [1, 2, 3, 4, 5] });
  expect(parsed.ok && parsed.config.robustness.corruptions).toHaveLength(15);
});
