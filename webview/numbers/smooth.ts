/**
 * Exponential moving average with the bias of its start removed (Kingma & Ba 2014, section 3), so that the first
 * values are not pulled to zero: a function from the next value to the average so far. `weight` in [0, 1) is the
 * share of the past; 0 leaves the values as they are. Values that are not finite are passed over and keep the last
 * average.
 */
export function smoother(weight: number): (value: number) => number {
  let sum = 0;
  let mass = 0;
  return (value) => {
    if (Number.isFinite(value)) {
      sum = weight * sum + (1 - weight) * value;
      mass = weight * mass + (1 - weight);
    }
    return mass === 0 ? value : sum / mass;
  };
}
