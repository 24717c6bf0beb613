#!/usr/bin/env node
/**
 * `tessera`: the jobs of the extension from a terminal.
 * Exit codes: 0 done, 1 failed, 2 bad usage or a config that will not do, 3 ended before its end and can be resumed.
 */
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { connect, LaunchError, listRuns, readRun, runsFolder, type ListedRun } from '../client/index';
import { evaluationSettings, type ExperimentConfig } from '../protocol/config';
import { evaluationKinds, type EvaluationKind } from '../protocol/events';
import { formatStep } from '../protocol/format';
import { modelDifference, modelOf } from '../protocol/model';
import { planRows } from '../protocol/plan';
import { compareRuns, comparisonMarkdown, comparisonText, missingCosts } from './cli/compare';
import { demo } from './cli/demo';
import { examine } from './cli/doctor';
import { addEngineCommands } from './cli/engines';
import { exportRun } from './cli/export';
import { findRun, isConfigFile, UsageError } from './cli/find';
import { init } from './cli/init';
import { evaluateRun, exitCodes, launch, UnfinishedError, watchTraining } from './cli/jobs';
import { createOutput, printable, table } from './cli/output';
import { reportOn, writeTo } from './cli/report';
import { details, detailsText, listText, summarize } from './cli/show';
import { ConfigError, judgeConfig, readConfigFile } from './jobs/config-file';
import { plan } from './jobs/plan';
import { frozenConfig } from './jobs/session';
import { ownVersion } from './jobs/versions';

const print = (text: string) => void process.stdout.write(`${text}\n`);
const printJson = (value: unknown) => print(JSON.stringify(value, null, 2));
const runHelp =
  'a run directory, a run id or its beginning or end, or a config file (its newest run); the newest run by default';

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('Give a whole number.');
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new InvalidArgumentError('Give an accuracy between 0 and 1, as in 0.4.');
  return value;
}

const program = new Command('tessera')
  .description('Self-supervised vision: pretrain an encoder without labels, judge it, reuse it.')
  .version(ownVersion())
  .exitOverride()
  .showHelpAfterError('Try --help.')
  .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 bad usage or config, 3 ended early (resume goes on).');

program
  .command('init')
  .description('write a config to begin with')
  .argument('[file]', 'what to call it', 'experiment.tessera.jsonc')
  .option('--source <source>', 'where the images are', 'builtin:shapes')
  .action(async (file: string, { source }: { source: string }) => {
    const name = await init(file, source);
    print(`${name}\nNext: tessera pretrain ${name}`);
  });

program
  .command('pretrain')
  .description('pretrain an encoder; Ctrl-C stops it at a checkpoint, closing the terminal leaves it training')
  .argument('<config>')
  .option('--again', 'also when a run of this experiment is already training')
  .option('--detach', 'return when it has begun')
  .option('--json', 'every event as a line of JSON')
  .action(async (config: string, { again, detach, json }: { again?: boolean; detach?: boolean; json?: boolean }) => {
    await readConfigFile(config);
    await train(['pretrain', config, ...(again ? ['--again'] : [])], { detach, json });
  });

program
  .command('plan')
  .description(
    'what a config will cost here: parameters, FLOPs, memory, time, from its graph and some seconds of steps',
  )
  .argument('<config>')
  .option('--stdin', 'judge the text on standard input as if it stood in that file')
  .option('--json', 'as JSON')
  .action(async (config: string, { stdin, json }: { stdin?: boolean; json?: boolean }) => {
    const planned = await plan(config, stdin ? await judgeConfig(config, await text(process.stdin)) : await readConfigFile(config)); // prettier-ignore
    if (json) return printJson(planned);
    print(`${config} on ${planned.engine}${planned.fallback ? `\nwarning: ${planned.fallback}` : ''}`);
    print(table(planRows(planned)));
  });

program
  .command('resume')
  .description('go on with a run that was stopped, interrupted or crashed, from its newest checkpoint')
  .argument('[run]', runHelp)
  .addOption(new Option('--device <device>', 'go on without the GPU that the config names').choices(['cpu']))
  .option('--detach', 'return when it has begun')
  .option('--json', 'every event as a line of JSON')
  .action(async (what: string | undefined, options: { device?: string; detach?: boolean; json?: boolean }) => {
    const device = options.device ? ['--device', options.device] : [];
    await train(['resume', (await findRun(what)).directory, ...device], options);
  });

async function train(args: readonly string[], { detach, json = false }: { detach?: boolean; json?: boolean }) {
  const directory = await launch(args);
  if (detach) return print(json ? JSON.stringify({ runDirectory: directory }) : directory);
  if (!json) print(directory);
  process.exitCode = await watchTraining(directory, json);
}

const stepOption = () => new Option('--step <step>', 'the checkpoint; the newest by default').argParser(whole);

interface EvaluateOptions {
  readonly steps?: readonly number[] | 'all';
  readonly config?: string;
  readonly json?: boolean;
  readonly kind?: readonly EvaluationKind[];
  readonly suite?: string;
}

function kindList(text: string): EvaluationKind[] {
  return text.split(',').map((name) => {
    const kind = evaluationKinds.find((kind) => kind === name);
    if (!kind) throw new InvalidArgumentError(`There are ${evaluationKinds.join(', ')}.`);
    return kind;
  });
}

function stepList(text: string): readonly number[] | 'all' {
  return text === 'all' ? text : text.split(',').map(whole);
}

function evaluation(command: Command, kindsOf: (options: EvaluateOptions) => readonly EvaluationKind[]) {
  command
    .argument('[run]', runHelp)
    .addOption(
      new Option('--step <steps>', 'checkpoints, as in 100,200, or "all"; the newest by default').argParser(stepList),
    )
    .option(
      '--config <file>',
      'take the blocks that say how to judge from this config; from [run] if that is one, else as they were when the run began',
    )
    .option('--json', 'every event as a line of JSON')
    .action(
      async (what: string | undefined, options: EvaluateOptions & { readonly step?: EvaluateOptions['steps'] }) => {
        const { step, config = what !== undefined && isConfigFile(what) ? what : undefined, json = false } = options;
        const found = await findRun(what);
        const { directory } = found;
        const read = config === undefined ? undefined : await readConfigFile(config);
        // Who names a run wants that run; who names a config wants what the config says.
        if (read && what !== undefined && isConfigFile(what)) refuseOtherModel(what, read, found);
        const settings = read && evaluationSettings(read);
        const steps =
          step === 'all' ? (await readRun(directory)).checkpoints.map((checkpoint) => checkpoint.step) : step;
        const suite = options.suite !== undefined;
        const output = createOutput(json);
        await evaluateRun(directory, { kinds: kindsOf(options), steps, suite, settings }, output);
        const { report } = await readRun(directory);
        if (suite && report !== undefined) output.say(`Report: ${join(directory, report.file.replace(/json$/, 'md'))}`);
      },
    );
}
/** Throws when the newest run of a config trained another model than the config now says. */
function refuseOtherModel(file: string, config: ExperimentConfig, { directory, manifest }: ListedRun): void {
  const changed = modelDifference(modelOf(config), modelOf(frozenConfig(directory, manifest)));
  if (!changed) return;
  const { path, value, other = 'nothing' } = changed;
  throw new UsageError(
    `${file} now has ${value} as "${path}"; its newest run, ${manifest.runId}, was trained with ${other}. Train what it says now (tessera pretrain ${file}), or name the run to judge it as it was trained: ${manifest.runId} --config ${file}`,
  );
}

evaluation(
  program.command('probe').description('a linear classifier and kNN on the frozen encoder, beside a random-init one'),
  () => ['probe'],
);
evaluation(
  program.command('finetune').description('train all weights with labels, beside training from scratch'),
  () => ['finetune'],
);
evaluation(
  program
    .command('evaluate')
    .description('judge checkpoints by some protocols, or by all of them and write a report')
    .option('--kind <kinds>', `one or several of ${evaluationKinds.join(',')}`, kindList)
    .addOption(
      new Option('--suite <suite>', 'all protocols; what is known already is not done again').choices(['full']),
    ),
  ({ kind, suite }) => {
    if (suite) return kind ?? evaluationKinds;
    if (!kind) throw new UsageError('Say by what to judge: --kind, or --suite full for everything.');
    return kind;
  },
);

program
  .command('report')
  .description('what is known of evaluated checkpoints, as Markdown; of several runs side by side')
  .argument('[runs...]', runHelp)
  .option('--out <folder>', 'write report.md, with pictures, and report.json there instead of printing')
  .option('--json', 'print JSON instead of Markdown')
  .action(async (names: readonly string[], { out, json }: { out?: string; json?: boolean }) => {
    const runs = await Promise.all(names.length > 0 ? names.map((name) => findRun(name)) : [findRun()]);
    const report = await reportOn(runs);
    if (out !== undefined) print(await writeTo(out, report));
    if (json) printJson(report.content);
    else if (out === undefined) print(printable(report.markdown()));
  });

program
  .command('stop')
  .description('stop a live run at a checkpoint')
  .argument('[run]', runHelp)
  .action(async (what?: string) => {
    const { directory, manifest } = await findRun(what);
    const connection = await connect(directory);
    await connection.request('stop', null);
    const ended = new Promise<void>((resolve) => connection.onClose(resolve));
    await ended;
    print(`${manifest.runId} has stopped.`);
  });

program
  .command('list')
  .description('the runs of this folder')
  .argument('[folder]', 'where the configs are', '.')
  .option('--json', 'as JSON')
  .action(async (folder: string, { json }: { json?: boolean }) => {
    const { runs, broken } = await summarize(await listRuns(runsFolder(`${folder}/x`)));
    if (json) return printJson({ runs, broken });
    print(runs.length > 0 ? listText(runs) : `There are no runs in ${runsFolder(`${folder}/x`)}.`);
    for (const { message } of broken) process.stderr.write(`${printable(message)}\n`);
  });

program
  .command('compare')
  .description('runs side by side: what each method cost and what its encoder scored')
  .argument('[runs...]', `each ${runHelp.replace('; the newest run by default', '')}; all runs here by default`)
  .addOption(
    new Option('--target <accuracy>', 'tell the time until kNN was this good; by default the best that all reached') // prettier-ignore
      .argParser(share),
  )
  .addOption(new Option('--json', 'as JSON').conflicts('markdown'))
  .option('--markdown', 'as a table in Markdown')
  .action(async (names: string[], options: { target?: number; json?: boolean; markdown?: boolean }) => {
    const listed = names.length > 0 ? await Promise.all(names.map(findRun)) : (await listRuns(runsFolder('x'))).runs;
    if (listed.length === 0) throw new UsageError(`There are no runs in ${runsFolder('x')}.`);
    const comparison = await compareRuns(listed, options.target);
    if (options.json) return printJson(comparison);
    print(options.markdown ? comparisonMarkdown(comparison) : comparisonText(comparison));
    const missing = missingCosts(comparison);
    if (missing) process.stderr.write(`${printable(missing)}\n`);
  });

program
  .command('show')
  .description('what is known of a run')
  .argument('[run]', runHelp)
  .option('--json', 'as JSON')
  .action(async (what: string | undefined, { json }: { json?: boolean }) => {
    const known = await details(await findRun(what));
    if (json) printJson(known);
    else print(detailsText(known));
  });

program
  .command('export')
  .description("write a run's encoder as safetensors with timm's parameter names (docs/export.md)")
  .argument('[run]', runHelp)
  .addOption(stepOption())
  .option('--out <file>', 'where to', 'encoder.safetensors')
  .action(async (what: string | undefined, { step, out }: { step?: number; out: string }) => {
    const exported = await exportRun(await findRun(what), step, out);
    print(`${out}: the encoder at step ${formatStep(exported.step)}, ${exported.tensors} tensors`);
  });

program
  .command('doctor')
  .description('what this machine has to train with, and what not and why')
  .option('--json', 'as JSON')
  .action(async ({ json }: { json?: boolean }) => {
    const findings = await examine();
    if (json) printJson(findings);
    else
      print(
        table(findings.map(({ name, ok, optional, detail }) => [ok ? 'yes' : optional ? '-' : 'NO', name, detail])),
      );
    if (findings.some(({ ok, optional }) => !ok && !optional)) process.exitCode = exitCodes.failed;
  });

addEngineCommands(program, print);

program
  .command('demo')
  .description('the quickstart without an editor: pretrain, probe, fine-tune with 10% of the labels, a table')
  .option('--json <file>', 'also write the scores to a file')
  .addOption(new Option('--seeds <n>', 'how many seeds').argParser(whole).default(1))
  .action(async ({ json, seeds }: { json?: string; seeds: number }) => await demo(seeds, json));

function exitCodeOf(error: unknown): number {
  if (error instanceof UnfinishedError) return exitCodes.unfinished;
  const isUsage = error instanceof UsageError || error instanceof ConfigError;
  return isUsage || (error instanceof LaunchError && error.problems.length > 0) ? exitCodes.usage : exitCodes.failed;
}

// Whoever read the output, `head` for one, has enough of it. What trains goes on training.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.failed),
);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  else {
    process.stderr.write(`${printable((error as Error).message)}\n`);
    process.exitCode = exitCodeOf(error);
  }
}
