import type { TestProject } from 'vitest/node';
import { editorKind, type EditorKind } from '../../scripts/editor.mjs';
import { testVsix } from '../../scripts/vsix.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    vsix: string;
    editorKind: EditorKind;
  }
}

/** Tests of the whole product drive the packaged VSIX in a real editor, never the sources. */
export default async function setup(project: TestProject): Promise<void> {
  project.provide('vsix', testVsix());
  project.provide('editorKind', await editorKind());
}
