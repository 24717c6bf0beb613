/** The run explorer in the side bar. */
import * as vscode from 'vscode';
import type { RunStore } from './run-store';
import { children, look, nodeId, parent, tooltip, type Node } from './tree-model';

export const viewId = 'tessera.runs';

/** Live numbers are repainted at most this often, in milliseconds: a person reads no faster. */
const REPAINT_MS = 250;

export function registerTree(store: RunStore): vscode.Disposable {
  const changed = new vscode.EventEmitter<Node | undefined>();
  // VS Code repaints the very object that it was given, so each node is made once.
  const nodes = new Map<string, Node>();
  const same = (node: Node): Node => {
    const id = nodeId(node);
    if (!nodes.has(id)) nodes.set(id, node);
    return nodes.get(id)!;
  };

  let everything = false;
  const stale = new Set<Node>();
  /** What stands beside the label of each node that VS Code has shown. */
  const painted = new Map<Node, string | undefined>();
  let timer: NodeJS.Timeout | undefined;
  const repaint = () => {
    timer = undefined;
    for (const node of [...stale]) {
      // An experiment sums up its runs; to repaint it is to ask for all of them again.
      const above = parent(store, node);
      if (above && painted.get(same(above)) !== look(store, above)?.description) stale.add(same(above));
    }
    if (everything) changed.fire(undefined);
    else stale.forEach((node) => changed.fire(node));
    everything = false;
    stale.clear();
  };
  const following = store.onDidChange((change) => {
    if (change.kind !== 'run') everything = true;
    else {
      const node = same({ kind: 'run', directory: change.tracked.directory });
      stale.add(node);
      if (change.turned) stale.add(same(parent(store, node)!));
    }
    timer ??= setTimeout(repaint, REPAINT_MS);
  });

  const view = vscode.window.createTreeView<Node>(viewId, {
    canSelectMany: true,
    showCollapseAll: true,
    treeDataProvider: {
      onDidChangeTreeData: changed.event,
      getChildren: (node) => children(store, node).map(same),
      getParent: (node) => {
        const above = parent(store, node);
        return above && same(above);
      },
      getTreeItem: (node) => {
        const item = treeItem(store, node);
        painted.set(node, item.description as string | undefined);
        return item;
      },
      resolveTreeItem: (item, node) => {
        const text = tooltip(store, node);
        item.tooltip = text === undefined ? undefined : new vscode.MarkdownString(text);
        return item;
      },
    },
  });
  const badge = store.onDidChange(() => {
    const live = [...store.runs.values()].filter(({ alive }) => alive).length;
    if ((view.badge?.value ?? 0) !== live) {
      view.badge = { value: live, tooltip: vscode.l10n.t('{0} at work', live) };
    }
  });
  return vscode.Disposable.from(view, changed, following, badge, { dispose: () => clearTimeout(timer) });
}

function treeItem(store: RunStore, node: Node): vscode.TreeItem {
  const shown = look(store, node);
  const item = new vscode.TreeItem(shown?.label ?? '');
  item.id = nodeId(node);
  if (!shown) return item;
  // VS Code leaves a node folded that it first saw without children; under another id it is new to it.
  if (node.kind === 'experiment' && !shown.expandable) item.id += ':empty';
  const [icon, colour] = shown.icon;
  item.description = shown.description;
  item.iconPath = new vscode.ThemeIcon(icon, colour === undefined ? undefined : new vscode.ThemeColor(colour));
  item.contextValue = shown.contextValue;
  item.accessibilityInformation = { label: shown.spoken };
  if (shown.expandable) {
    // Runs are seen at once; their checkpoints when asked for.
    item.collapsibleState =
      node.kind === 'experiment' ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed;
  }
  if (node.kind === 'experiment' && store.experiments.has(node.configFile)) {
    item.command = { command: 'vscode.open', title: 'Open', arguments: [vscode.Uri.file(node.configFile)] };
  }
  if (node.kind === 'run') {
    item.command = { command: 'tessera.openDashboard', title: 'Open Dashboard', arguments: [node] };
  }
  return item;
}
