/** Step numbers in file names, so that names sort as numbers do. */
export const stepName = (step: number) => String(step).padStart(6, '0');
