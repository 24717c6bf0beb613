/**
 * Random numbers that are a pure function of their key. Every draw of a run is
 * keyed by (seed, what it is for, step or sample index), never by how many draws
 * came before it, so an interrupted run resumes bit-identically and the number
 * of loader threads changes nothing.
 */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform integer in [0, n). */
  int(n: number): number;
  /** Standard normal. */
  normal(): number;
  /** A uniformly random ordering of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array;
}

/** The stream for one key: `random(seed, 'mask', step)`. */
export function random(...key: readonly (string | number)[]): Random {
  // xmur3 folds the key into four seeds, sfc32 draws from them (both public domain).
  let h = 1779033703;
  const text = key.join('\u0000');
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 3432918353);
    h = (h << 13) | (h >>> 19);
  }
  const seedWord = () => {
    h = Math.imul(h ^ (h >>> 16), 2246822507);
    h = Math.imul(h ^ (h >>> 13), 3266489909);
    return (h ^= h >>> 16) >>> 0;
  };
  // In typed memory: closed-over numbers of 32 bits would be boxed anew at every draw.
  const state = Int32Array.of(seedWord(), seedWord(), seedWord(), seedWord());
  const word = () => {
    const b = state[1]!;
    const c = state[2]!;
    const d = state[3]!;
    const t = (state[0]! + b + d) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + t;
    state[3] = d + 1;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) word();

  const uniform = () => word() / 4294967296;
  const int = (n: number) => Math.floor(uniform() * n);
  const normal = () => {
    // Box-Muller; 1 - u keeps the logarithm finite.
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  };
  const permutation = (n: number) => {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = int(i + 1);
      const swapped = order[i]!;
      order[i] = order[j]!;
      order[j] = swapped;
    }
    return order;
  };
  return { uniform, int, normal, permutation };
}
