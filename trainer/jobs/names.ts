import { createHash } from 'node:crypto';

/** Step numbers in file names, so that names sort as numbers do. */
export const stepName = (step: number) => String(step).padStart(6, '0');

/** Stands for words that are too long for a file's name: other words, another name. */
export const wordsName = (words: string) => createHash('sha256').update(words).digest('hex').slice(0, 8);
