import { expect, it } from 'vitest';
import { secondsOfViews } from '../../../trainer/data';

it('what views cost is measured by drawing them', async () => {
  const view = { imageSize: 16, transform: { crop: [0.2, 1] as [number, number], flip: true } };
  const seconds = await secondsOfViews({ first: view, second: view }, 32);
  expect(seconds).toBeGreaterThan(0);
  expect(Number.isFinite(seconds)).toBe(true);
});
