/** What scripts/vscode-suite.mjs orders, as JSON in the environment variable TESSERA_SUITE. */
export interface Order {
  /** Folder of the mocha package. */
  readonly mocha: string;
  /** Bundled test files. */
  readonly files: readonly string[];
  /** File to which the results are appended, a `Line` as JSON each. */
  readonly report: string;
}

export type Line =
  | { readonly kind: 'start'; readonly files: readonly string[] }
  | { readonly kind: 'pass'; readonly title: readonly string[]; readonly ms: number }
  | { readonly kind: 'skip'; readonly title: readonly string[] }
  | { readonly kind: 'fail'; readonly title: readonly string[]; readonly message: string }
  | { readonly kind: 'error'; readonly message: string }
  | { readonly kind: 'end' };
