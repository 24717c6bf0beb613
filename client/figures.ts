/** The pictures that a run's evaluations left. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { figureTitle, type Figure } from '../protocol/report';
import type { Run } from '../protocol/run';
import { readJson } from './files';

/** Of the checkpoints `steps`, in the order of their evaluations. What is not there, or is no picture, is left out. */
export async function figuresOf(directory: string, run: Run, steps: readonly number[]): Promise<Figure[]> {
  const named = run.evaluations.filter(({ step, file }) => steps.includes(step) && file !== undefined);
  const figures = await Promise.all(
    named.map(async ({ step, evaluation, file }): Promise<Figure[]> => {
      const png = await pictureOf(directory, file!);
      return png === undefined ? [] : [{ step, title: figureTitle(evaluation), png }];
    }),
  );
  return figures.flat();
}

const pictured = z.object({ png: z.string().regex(/^media\/[^/\\]+\.png$/) });

/** The PNG that a file of `media` names, when it lies beside it. */
async function pictureOf(directory: string, file: string): Promise<string | undefined> {
  try {
    const content = await readJson(join(directory, file), pictured);
    if (content) await stat(join(directory, content.png));
    return content?.png;
  } catch {
    return undefined;
  }
}
