/** Which documents are experiment configs. */
import * as vscode from 'vscode';

export const configPattern = '**/*.tessera.jsonc';

export const configSelector: vscode.DocumentFilter = { scheme: 'file', pattern: configPattern };

export function isConfig(document: vscode.TextDocument): boolean {
  return vscode.languages.match(configSelector, document) > 0;
}
