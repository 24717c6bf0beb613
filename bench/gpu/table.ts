/** What came out, as a short table in Markdown. */
import type { Outcome } from './child';
import type { Facts } from './facts';
import type { OpRow } from './ops';
import type { OpsPart, Part } from './parts';
import type { StepRow } from './step';

export interface Result extends Omit<Outcome, 'state'> {
  readonly id: string;
  readonly part: Part;
  /** `skipped`: not tried, for the reason that is given. */
  readonly state: Outcome['state'] | 'skipped';
}

export interface Report {
  readonly startedAt: string;
  readonly isQuick: boolean;
  readonly facts: Facts;
  readonly notes: readonly string[];
  readonly results: readonly Result[];
}

export function table({ facts, notes, results, isQuick }: Report): string {
  const torch = typeof facts.torch === 'string' ? facts.torch : `${facts.torch.version}, ${facts.torch.gpu ?? 'CPU'}`;
  const adapters = results.find(({ part }) => part.kind === 'adapters');
  const lines = [
    `## GPU bench${isQuick ? ', quick: no speed is measured' : ''}`,
    '',
    `GPU: ${facts.gpus}. Vulkan: ${adapters ? saidOf(adapters) : 'not asked'}. PyTorch: ${torch}.`,
    `${facts.cores} cores of ${facts.cpu}, ${facts.memoryGiB} GiB, Node ${facts.node}. ${notes.join(' ')}`.trim(),
    '',
    ...(['webgpu', 'cpu'] as const).flatMap((device) => ops(results, device)),
    '',
    ...steps(results),
  ];
  return `${lines.join('\n')}\n`;
}

const saidOf = ({ rows, reason }: Result) => reason ?? String(rows.adapters?.detail);

function ops(results: readonly Result[], device: 'webgpu' | 'cpu'): string[] {
  const groups = results.filter(({ part }) => part.kind === 'ops' && part.device === device);
  if (groups.length === 0) return [];
  const rows = groups.flatMap(({ part, rows }) =>
    Object.entries(rows).map(([op, row]) => ({ op: `${op} (${(part as OpsPart).group})`, ...(row as OpRow) })),
  );
  const checked = rows.filter(({ draws }) => draws > 0);
  const refused = checked.filter(({ failed }) => failed !== undefined);
  const wrong = checked.filter(({ isRight, failed }) => !isRight && failed === undefined);
  const right = checked.length - wrong.length - refused.length;
  return [
    `Ops on ${device}: of ${rows.length}, ${right} compute what the reference does, ${wrong.length} do not, ` +
      `${refused.length} cannot be run, ${rows.length - checked.length} were not checked.`,
    '',
    ...groups.filter(({ state }) => state !== 'done').map(({ id, reason }) => `- ${id}: ${firstLine(reason)}`),
    ...wrong.map(({ op, worst }) => `- ${op}: off by ${short(worst.error)}: ${worst.what} is ${worst.values}`),
    ...refused.map(({ op, failed }) => `- ${op}: ${firstLine(failed)}`),
    '',
  ];
}

function steps(results: readonly Result[]): string[] {
  const rows = results.flatMap(({ part, state, reason, rows }) => {
    if (part.kind !== 'step' && part.kind !== 'torch') return [];
    const { engine, msPerStep, imagesPerSecond, losses, gpuMiB } = (rows.step ?? {}) as Partial<StepRow>;
    const how = `${part.device} ${part.precision}${part.kind === 'torch' && part.compile ? ', compiled' : ''}`;
    return [
      [
        part.model.name,
        part.batch,
        part.kind === 'torch' ? `PyTorch ${how}` : `Tessera ${how}`,
        ...(state === 'done' && engine
          ? [short(imagesPerSecond!), short(msPerStep!)]
          : [`${state}: ${firstLine(reason)}`, '']),
        losses?.map(short).join(' ') ?? '',
        gpuMiB === undefined ? '' : Math.round(gpuMiB),
      ],
    ];
  });
  if (rows.length === 0) return [];
  const titles = ['model', 'batch', 'engine', 'img/s', 'ms a step', 'first losses', 'GPU MiB'];
  return [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

const firstLine = (text = '') => text.split('\n')[0]!.replaceAll('|', '/').slice(0, 160);
const short = (value: number | string) => (typeof value === 'string' ? value : String(Number(value.toPrecision(4))));
