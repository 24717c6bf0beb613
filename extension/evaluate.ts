/** Judging the checkpoints of a run: which ones, by which protocols, and as the config on the screen says. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { evaluateFlags } from '../client';
import { evaluationSettings, ExperimentConfig } from '../protocol/config';
import type { EvaluateParams } from '../protocol/control';
import { evaluationKinds, type EvaluationKind } from '../protocol/events';
import { formatEvaluation, formatStep } from '../protocol/format';
import { modelDifference, modelOf } from '../protocol/model';
import { describeProblems, parseExperiment } from '../protocol/validate';
import type { Launcher } from './launch';
import type { RunStore, TrackedRun } from './run-store';
import { experimentName } from './tree-model';

interface Services {
  readonly store: RunStore;
  readonly launcher: Launcher;
}

/** Asks for what is not named. Several protocols at once are a suite: what is known already is not done again. */
export async function evaluateRun(
  { store, launcher }: Services,
  tracked: TrackedRun,
  step?: number,
  kind?: EvaluationKind,
): Promise<void> {
  const asked = kind ? { kinds: [kind], steps: named(step) } : await ask(tracked, step);
  if (!asked) return;
  const config = await configOf(tracked.configFile);
  if (config) tellOfOtherModel(tracked, config);
  const params: EvaluateParams = { ...asked, settings: config && evaluationSettings(config) };
  // A live trainer does it itself: it alone writes the run directory.
  if (tracked.alive) return void (await store.request(tracked.directory, 'evaluate', params));
  const title = vscode.l10n.t('evaluating {0}...', experimentName(tracked.configFile));
  const steps = params.steps ?? [newestStep(tracked)];
  await launcher.launch(
    title,
    ['evaluate', tracked.directory, ...evaluateFlags({ ...params, steps })],
    tracked.configFile,
  );
}

const named = (step?: number) => (step === undefined ? undefined : [step]);

const newestStep = ({ run }: TrackedRun) => Math.max(...run.checkpoints.map(({ step }) => step));

const about: Record<EvaluationKind, string> = {
  pretext: vscode.l10n.t('the task itself, on held-out images; needs no labels'),
  efficiency: vscode.l10n.t('parameters, FLOPs, images a second, memory, time; needs no labels'),
  knn: vscode.l10n.t('nearest neighbours in the embedding vote'),
  probe: vscode.l10n.t('a linear classifier on the frozen encoder'),
  cluster: vscode.l10n.t('k-means, matched with the classes'),
  tsne: vscode.l10n.t('a map of the embeddings, with its trustworthiness; needs no labels'),
  health: vscode.l10n.t('spread and rank of the embeddings; needs no labels'),
  robustness: vscode.l10n.t('a linear classifier on corrupted images, 15 corruptions at 5 severities'),
  transfer: vscode.l10n.t('probe and fine-tune on another data set (the block "transfer")'),
  finetune: vscode.l10n.t('train all weights with labels, beside training from scratch'),
};

async function ask(tracked: TrackedRun, step?: number): Promise<Omit<EvaluateParams, 'settings'> | undefined> {
  const protocols = await vscode.window.showQuickPick(
    evaluationKinds.map((kind) => ({
      label: formatEvaluation({ kind, labels: 1 }),
      description: about[kind],
      id: kind,
    })),
    { canPickMany: true, placeHolder: vscode.l10n.t('By which protocols? All of them are the full suite.') },
  );
  if (!protocols || protocols.length === 0) return undefined;
  const kinds = protocols.map(({ id }) => id);
  const suite = kinds.length > 1;
  const steps = tracked.run.checkpoints.map((checkpoint) => checkpoint.step).sort((a, b) => b - a);
  if (step !== undefined || steps.length < 2) return { kinds, suite, steps: named(step) };
  const checkpoints = await vscode.window.showQuickPick(
    steps.map((step, i) => ({ label: vscode.l10n.t('step {0}', formatStep(step)), picked: i === 0, step })),
    { canPickMany: true, placeHolder: vscode.l10n.t('Which checkpoints?') },
  );
  if (!checkpoints || checkpoints.length === 0) return undefined;
  return { kinds, suite, steps: checkpoints.map(({ step }) => step).sort((a, b) => a - b) };
}

/** What is judged is the run, also where the config has gone on to another model: a word, so that nobody takes one for the other. */
function tellOfOtherModel({ run: { manifest }, configFile }: TrackedRun, config: ExperimentConfig): void {
  const trained = ExperimentConfig.safeParse(manifest.config).data;
  const changed = trained && modelDifference(modelOf(config), modelOf(trained));
  if (!changed) return;
  const { path, value, other = vscode.l10n.t('nothing') } = changed;
  const name = experimentName(configFile);
  const text = vscode.l10n.t('{0} now has {1} as "{2}". The run that is judged was trained with {3}.', name, value, path, other); // prettier-ignore
  void vscode.window.showWarningMessage(`Tessera: ${text}`);
}

/** As it stands on the screen, saved or not; undefined, for that of the run, when the file is gone. Throws when it has problems. */
async function configOf(configFile: string): Promise<ExperimentConfig | undefined> {
  const uri = vscode.Uri.file(configFile);
  const exists = await vscode.workspace.fs.stat(uri).then(
    () => true,
    () => false,
  );
  if (!exists) return undefined;
  const text = (await vscode.workspace.openTextDocument(uri)).getText();
  const parsed = parseExperiment(text);
  if (!parsed.ok) throw new Error(describeProblems(basename(configFile), text, parsed.problems.slice(0, 1)));
  return parsed.config;
}
