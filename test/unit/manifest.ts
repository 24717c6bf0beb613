/** The smallest `run.json` that is one. */
export const manifest = {
  version: 1,
  runId: 'a-run',
  experiment: 'shapes',
  configFile: 'shapes.tessera.jsonc',
  config: {},
  createdAt: 5,
  versions: {},
};
