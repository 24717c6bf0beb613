/**
 * The trainer's process: `pretrain CONFIG [--again]`, `resume RUNDIR [--device cpu]`, `evaluate RUNDIR --kinds A,B [--steps N,M]
 * [--suite] [--settings JSON]`, where the settings are the blocks of a config that say how to judge.
 * Says one line of JSON when it owns its run, or why it does not; from then on it speaks through the journal.
 */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { logPath } from '../client/index';
import { EvaluationSettings } from '../protocol/config';
import { evaluationKinds, type RunStatus } from '../protocol/events';
import { conclude } from './jobs/conclude';
import { ConfigError } from './jobs/config-file';
import { evaluate } from './jobs/evaluate';
import { redirectOutput } from './jobs/log';
import { pretrain } from './jobs/pretrain';
import { openRun, type Session } from './jobs/session';
import { startRun } from './jobs/start';

interface Order {
  readonly session: Session;
  readonly job: (session: Session) => Promise<RunStatus>;
}

async function takeOrder(args: string[]): Promise<Order> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      again: { type: 'boolean' },
      device: { type: 'string' },
      kinds: { type: 'string' },
      steps: { type: 'string' },
      suite: { type: 'boolean' },
      settings: { type: 'string' },
    },
  });
  const [command, path] = positionals;
  if (!command || !path) throw new Error('Say what to do: pretrain CONFIG, resume RUNDIR or evaluate RUNDIR.');
  switch (command) {
    case 'pretrain':
      return { session: await startRun(path, { again: values.again }), job: pretrain };
    case 'resume': {
      if (values.device !== undefined && values.device !== 'cpu') throw new Error('--device can only be cpu.');
      const session = await openRun(path, values.device);
      if (session.run().status !== 'finished') return { session, job: pretrain };
      await session.end();
      throw new Error(`${session.manifest.runId} has finished; there is nothing to resume.`);
    }
    case 'evaluate': {
      const kinds = values.kinds?.split(',').map((name) => {
        const kind = evaluationKinds.find((kind) => kind === name);
        if (!kind) throw new Error(`--kinds must be of ${evaluationKinds.join(', ')}, not ${name}.`);
        return kind;
      });
      if (!kinds) throw new Error('Say what to evaluate: --kinds.');
      const steps = values.steps?.split(',').map(Number);
      if (steps?.some((step) => !Number.isSafeInteger(step)))
        throw new Error(`--steps must be numbers, not ${values.steps}.`);
      const settings = values.settings === undefined ? undefined : parseSettings(values.settings);
      const params = { kinds, steps, suite: values.suite, settings };
      return { session: await openRun(path), job: (session) => evaluate(session, params) };
    }
    default:
      throw new Error(`There is no job "${command}".`);
  }
}

function parseSettings(text: string): EvaluationSettings {
  try {
    return EvaluationSettings.parse(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new Error(`--settings must be the evaluation blocks of a config, as JSON. ${reason}`, {
      cause: error,
    });
  }
}

function say(line: object) {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

let order: Order;
try {
  order = await takeOrder(process.argv.slice(2));
} catch (error) {
  const problems = error instanceof ConfigError ? error.problems : undefined;
  say({ error: { message: (error as Error).message, problems } });
  process.exit(problems ? 2 : 1);
}
say({ ready: { runDirectory: order.session.directory } });
redirectOutput(logPath(order.session.directory));
try {
  const status = await conclude(order.session, order.job);
  process.exit(status === 'failed' ? 1 : 0);
} catch (error) {
  // The journal itself cannot be written: what is known goes to the log.
  console.error(error);
  process.exit(1);
}
