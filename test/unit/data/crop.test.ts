import { expect, test } from 'vitest';
import { centreView, drawView } from '../../../trainer/data/crop';
import { random } from '../../../trainer/random/random';

test('random crops keep to the image, to the area range and to the aspect range', () => {
  let smallest = Infinity;
  for (let i = 0; i < 2000; i++) {
    const { x, y, width, height } = drawView(random('crop', i), 60, 40, { crop: [0.2, 1], flip: true });
    expect(x >= 0 && y >= 0 && x + width <= 60 && y + height <= 40).toBe(true);
    const ratio = width / height;
    expect(ratio).toBeGreaterThan(0.75 * 0.9);
    expect(ratio).toBeLessThan((4 / 3) * 1.1);
    smallest = Math.min(smallest, (width * height) / 2400);
  }
  expect(smallest).toBeGreaterThan(0.18);
  expect(smallest).toBeLessThan(0.25);
});

test('an image too narrow for any crop gives its largest centred one', () => {
  const view = drawView(random('narrow'), 300, 10, { crop: [1, 1], flip: false });
  expect(view).toEqual({ x: 143, y: 0, width: 13, height: 10, flip: false });
});

test('without a crop the view is the centred square', () => {
  expect(drawView(random(0), 7, 4, { crop: null, flip: false })).toEqual(centreView(7, 4));
  expect(centreView(7, 4)).toEqual({ x: 1, y: 0, width: 4, height: 4, flip: false });
});
