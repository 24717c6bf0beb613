/**
 * What steps were compiled to, kept for later processes: tracing and lowering a training step of a small ViT takes longer than
 * everything else between its weights and its first update.
 *
 * One file per step, `<hash>.graph`: a line with the SHA-256 of the rest, a line of JSON, the ONNX model. The hash is of all that
 * decides the graph: the caller's key, the specs, what the graph is for, and what computed its constants, since sines and
 * exponentials differ in their last digits from one JavaScript engine to the next. A file appears whole, by a rename. One that
 * is damaged, under another name than its own, or another user's or writable for others is not used, and is replaced.
 */
import { createHash, randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { stepModel, type StepModel, type Target } from './model';
import type { GraphCache, ProgramSpec, Step } from './types';

/** Raise it when files are written another way. */
const FORMAT = 1;
const ENDING = '.graph';
/** Bytes of all files in a folder, of which those go first that were unused for longest. A ViT-Ti's step takes 0.3 MB. */
const LIMIT = 64e6;
/** Milliseconds after which what a killed process was writing is removed. */
const ABANDONED = 86_400_000;

const shape = z.array(z.int().min(0));
const values = z.record(
  z.string(),
  z.object({ name: z.string(), shape, dtype: z.enum(['float32', 'float16', 'int32', 'bool', 'int64']) }),
);
const headerSchema = z.object({
  /** The file's name, so that a file is known under no other. */
  name: z.string(),
  outputs: values,
  next: values,
  outputSpecs: z.record(z.string(), z.object({ shape, dtype: z.enum(['float32', 'int32']) })),
  inPlace: z.array(z.string()),
});

/** The step compiled, or read from where `spec.cache` says. A folder that cannot be written is no error. */
export function cachedModel(step: Step, spec: ProgramSpec, target: Target): StepModel {
  const { cache } = spec;
  if (!cache) return stepModel(step, spec, target);
  const name = fileName(cache, spec, target);
  const known = read(join(cache.folder, name), name);
  if (known) return known;
  const made = stepModel(step, spec, target);
  try {
    write(cache.folder, name, made);
  } catch (error) {
    tell(`Compiled steps cannot be kept in ${cache.folder}, so they are compiled anew: ${(error as Error).message}`);
  }
  return made;
}

function fileName({ key }: GraphCache, { state, inputs, precision }: ProgramSpec, target: Target): string {
  const { arch, platform, versions } = process;
  // Entries, since the order of the state decides names in the graph.
  const specs = [state, inputs].map((some) =>
    Object.entries(some).map(([name, { shape, dtype }]) => [name, shape, dtype]),
  );
  return `${sha256(JSON.stringify([FORMAT, versions.v8, arch, platform, target, precision ?? 'float32', specs, key]))}${ENDING}`;
}

/** Undefined when there is none that can be trusted. */
function read(file: string, name: string): StepModel | undefined {
  try {
    if (!isOurs(fs.lstatSync(file))) return undefined;
    const content = fs.readFileSync(file);
    const checksum = lineAt(content, 0);
    if (checksum.text !== sha256(content.subarray(checksum.end))) return undefined;
    const line = lineAt(content, checksum.end);
    const header = headerSchema.parse(JSON.parse(line.text));
    if (header.name !== name) return undefined;
    // When it was used last; a folder that cannot be written is read all the same.
    const now = new Date();
    fs.utimes(file, now, now, () => undefined);
    return { ...header, bytes: content.subarray(line.end) };
  } catch {
    return undefined;
  }
}

/** A plain file of this user's that nobody else may write. Windows says neither; there the folder is the user's alone. */
function isOurs(facts: fs.Stats): boolean {
  const { getuid } = process;
  return facts.isFile() && facts.size <= LIMIT && (!getuid || (facts.uid === getuid() && (facts.mode & 0o022) === 0));
}

/** Without its end, and where the next one begins. */
function lineAt(content: Buffer, start: number): { readonly text: string; readonly end: number } {
  const end = content.indexOf('\n', start);
  if (end < 0) throw new Error('the file has been cut short');
  return { text: content.toString('utf8', start, end), end: end + 1 };
}

/** Not synced: what a power cut leaves of it has another checksum. */
function write(folder: string, name: string, { bytes, ...names }: StepModel): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const rest = Buffer.concat([Buffer.from(`${JSON.stringify({ name, ...names })}\n`), bytes]);
  const temporary = join(folder, `.${name}-${randomUUID()}`);
  try {
    fs.writeFileSync(temporary, Buffer.concat([Buffer.from(`${sha256(rest)}\n`), rest]), { mode: 0o600, flag: 'wx' });
    fs.renameSync(temporary, join(folder, name));
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  removeOldest(folder);
}

function removeOldest(folder: string): void {
  const files = fs.readdirSync(folder).flatMap((name) => {
    // Another process may have removed it.
    const facts = fs.lstatSync(join(folder, name), { throwIfNoEntry: false });
    return facts?.isFile() ? [{ name, bytes: facts.size, time: facts.mtimeMs }] : [];
  });
  let bytes = 0;
  for (const file of files.toSorted((a, b) => b.time - a.time)) {
    if (file.name.endsWith(ENDING)) bytes += file.bytes;
    const isTooMuch = file.name.endsWith(ENDING) && bytes > LIMIT;
    const isAbandoned = file.name.includes(`${ENDING}-`) && Date.now() - file.time > ABANDONED;
    if (isTooMuch || isAbandoned) fs.rmSync(join(folder, file.name), { force: true });
  }
}

const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

let hasTold = false;
/** In the log, once: every step of a process would say the same. */
function tell(message: string): void {
  if (!hasTold) console.warn(message);
  hasTold = true;
}
