import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Api } from '../../extension/extension';
import { latest } from '../../protocol/run';
import { lensTitles, open, tessera, until, untilRun, workspaceFile } from './support';

const commands = [
  ...['newExperiment', 'pretrain', 'probe', 'knn', 'cluster', 'finetune', 'pause', 'resume', 'stop', 'checkpoint'],
  ...['openDashboard', 'revealRunFolder', 'deleteRun', 'doctor', 'refresh'],
];

describe('runs in the editor', () => {
  let api: Api;
  let directory: string;
  before(async () => {
    api = await tessera();
  });

  it('have their commands', async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      commands.filter((name) => !registered.has(`tessera.${name}`)),
      [],
    );
  });

  it('belong to experiments that were found in the workspace', () => {
    assert(api.store.experiments.has(workspaceFile('tiny.tessera.jsonc')));
  });

  it('start by Pretrain and show their first loss, with the dashboard open', async () => {
    await open('tiny.tessera.jsonc');
    await vscode.commands.executeCommand('tessera.pretrain', workspaceFile('tiny.tessera.jsonc'));
    const [tracked] = api.store.runsOf(workspaceFile('tiny.tessera.jsonc'));
    assert(tracked, 'the run is known as soon as it is launched');
    directory = tracked.directory;
    const training = await untilRun(api, directory, ({ run }) => latest(run, 'train/loss') !== undefined);
    assert.equal(training.liveStatus, 'running');
    assert.deepEqual(api.openDashboards(), [directory]);
  });

  it('offer pause instead of a second start while they train', async () => {
    const titles = await lensTitles(await open('tiny.tessera.jsonc'));
    assert(titles.includes('$(debug-pause) Pause'), titles.join(', '));
    assert(!titles.includes('$(play) Pretrain'), titles.join(', '));
  });

  it('pause and go on', async () => {
    await vscode.commands.executeCommand('tessera.pause', directory);
    const { run } = await untilRun(api, directory, ({ liveStatus }) => liveStatus === 'paused');
    await vscode.commands.executeCommand('tessera.resume', directory);
    await untilRun(api, directory, (now) => now.liveStatus === 'running' && now.run.step > run.step);
  });

  it('write a checkpoint when asked', async () => {
    await vscode.commands.executeCommand('tessera.checkpoint', directory);
    await untilRun(api, directory, ({ run }) => run.checkpoints.length > 0);
  });

  it('stop, and resume from their checkpoint in a new process', async () => {
    await vscode.commands.executeCommand('tessera.stop', directory);
    const stopped = await untilRun(api, directory, ({ alive, liveStatus }) => !alive && liveStatus === 'stopped');
    await vscode.commands.executeCommand('tessera.resume', directory);
    await untilRun(api, directory, ({ alive, run }) => alive && run.step > stopped.run.step);
    await vscode.commands.executeCommand('tessera.stop', directory);
    await untilRun(api, directory, ({ alive }) => !alive);
  });

  it('judge a checkpoint by Probe, with the score beside its baseline', async () => {
    await vscode.commands.executeCommand('tessera.probe', { kind: 'run', directory });
    const { run } = await untilRun(api, directory, (now) => now.run.evaluations.length > 0 && !now.alive);
    const evaluation = run.evaluations.find((score) => score.evaluation.kind === 'probe')?.evaluation;
    assert.equal(evaluation?.comparison?.baseline.name, 'random init');
  });

  it('have a report on what was judged, in a panel of its own', async () => {
    await vscode.commands.executeCommand('tessera.openReport', directory);
    assert.deepEqual(api.openReports(), [directory]);
    // The editor lists a new tab a moment later.
    const labels = () => vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.map(({ label }) => label));
    await until(() => labels().includes('Report of tiny') || undefined);
  });

  it('that others made are found by themselves, whole or broken', async () => {
    const runs = workspaceFile('.tessera/runs');
    const foreign = join(runs, '20200101-000000-abcd');
    const manifest = {
      version: 1,
      runId: '20200101-000000-abcd',
      experiment: 'tiny',
      configFile: 'tiny.tessera.jsonc',
      config: null,
      createdAt: 1577836800000,
      versions: {},
    };
    await mkdir(join(runs, 'broken'), { recursive: true });
    await writeFile(join(runs, 'broken', 'run.json'), '{ "version": ');
    await mkdir(foreign);
    await writeFile(
      join(foreign, 'events.jsonl'),
      'not an event\n{"type":"status","seq":0,"time":1,"status":"finished"}\n',
    );
    await writeFile(join(foreign, 'run.json'), JSON.stringify(manifest));
    await vscode.commands.executeCommand('tessera.refresh');
    await until(() => (api.store.runs.has(foreign) && api.store.broken.size === 1 ? true : undefined));
    assert.equal(api.store.runs.get(foreign)?.liveStatus, 'finished');
  });

  it('open their dashboard by command', async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await until(() => (api.openDashboards().length === 0 ? true : undefined));
    await vscode.commands.executeCommand('tessera.openDashboard', { kind: 'run', directory });
    assert.deepEqual(api.openDashboards(), [directory]);
  });

  it('are doctored', async () => {
    await vscode.commands.executeCommand('tessera.doctor');
    await until(() => {
      const page = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === 'tessera-doctor');
      return page?.getText().match(/✓ \| engine onnx, cpu/) ?? undefined;
    });
  });
});
