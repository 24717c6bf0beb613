/** `tessera engines`: what there is to train with, and installing more. */
import { InvalidArgumentError, type Command } from 'commander';
import { probeEngines } from '../engine/index';
import { tensorflowFolder } from '../jobs/engines-folder';
import { engineFinding } from './doctor';
import { installTensorflow } from './engines/install';
import { table } from './output';

interface InstallFlags {
  readonly gpu?: boolean;
  readonly libtensorflow?: string;
  readonly nodedir?: string;
}

function installable(name: string): string {
  if (name !== 'tensorflow') throw new InvalidArgumentError('Only tensorflow is installed on demand.');
  return name;
}

export function addEngineCommands(program: Command, print: (text: string) => void): void {
  const engines = program.command('engines').description('the engines that work here, and installing one more');
  engines
    .command('list')
    .description('the engines, on which devices they work, and why not')
    .option('--json', 'as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const reports = await probeEngines(tensorflowFolder());
      if (json) return print(JSON.stringify(reports, null, 2));
      print(
        table(
          reports
            .map((report) => engineFinding(report, reports))
            .map(({ name, ok, detail }) => [ok ? 'yes' : '-', name, detail]),
        ),
      );
    });
  engines
    .command('install')
    .description('install the tensorflow engine for this user (the folder of TESSERA_ENGINES, if that is set)')
    .argument('<engine>', 'tensorflow', installable)
    .option('--gpu', 'the package for CUDA GPUs')
    .option('--libtensorflow <path>', 'build on the TensorFlow of this wheel or folder (Linux), as newer GPUs need')
    .option('--nodedir <folder>', "where Node's headers are, as include/node, for that build")
    .action(async (_engine: string, flags: InstallFlags) => print(await install(flags, print)));
}

/** Ctrl-C, or the editor's Cancel, leaves things as they were. */
async function install({ gpu = false, ...flags }: InstallFlags, print: (text: string) => void): Promise<string> {
  const cancelled = new AbortController();
  const cancel = () => cancelled.abort(new Error('Cancelled; nothing was changed.'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, cancel);
  const folder = tensorflowFolder();
  const report = await installTensorflow(folder, { gpu, ...flags, signal: cancelled.signal, say: print });
  const lines = [`Installed in ${folder}: ${report.detail}`, `CUDA: ${report.cuda}`];
  return [...lines, 'Use it with "engine": "tensorflow".'].join('\n');
}
