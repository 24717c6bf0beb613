/** What the empty run explorer offers depends on whether the workspace holds images. */
import * as vscode from 'vscode';
import { imagePattern, notImages } from './new-experiment';

export async function findImages(): Promise<void> {
  const [image] = await vscode.workspace.findFiles(imagePattern, notImages, 1);
  await vscode.commands.executeCommand('setContext', 'tessera.hasImages', image !== undefined);
}
