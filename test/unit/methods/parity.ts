/** Holds a training against what an independent PyTorch implementation did with the same weights, batches and draws. */
import { afterAll, describe, expect, it } from 'vitest';
import { valueAndGrads } from '../../../trainer/engine/ops';
import type { Engine, HostTensors, Program, Specs, TypedArray } from '../../../trainer/engine/types';
import type { Optimizer } from '../../../trainer/nn/optimizer';
import { trained, trainStep } from '../../../trainer/nn/train-step';
import type { Training } from '../../../trainer/nn/train-step';
import { runtimesUnderTest, testEngine } from '../../engines';
import { specsOf } from '../nn/evaluate';
import { under } from './fixture';

export interface Parity {
  /**
   * `gradient.<parameter>` of the first loss, `losses` of each update, `after.<name>` of the state when all are done; and,
   * if there, `norms` of the gradients of each update.
   */
  readonly fixture: HostTensors;
  /** The state to start from, without the optimizer's. */
  readonly before: HostTensors;
  readonly training: Training;
  readonly optimizer: Optimizer;
  readonly inputSpecs: Specs;
  /** What update `i`, counted from 0, was given besides `lr` and `step`. */
  readonly inputs: (i: number) => Record<string, TypedArray>;
  readonly learningRate: (i: number) => number;
  /** Parameters that the loss does not depend on: their gradients are rounding noise. */
  readonly idle?: readonly string[];
}

const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
const minus = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a, (value, i) => value - b[i]!);

/**
 * Attention does not change with a bias on the keys: softmax takes it out again. Its gradient is rounding noise, which
 * AdamW then blows up to full steps, so it has nothing to compare.
 */
function comparable(name: string, values: TypedArray): Float32Array {
  const copy = Float32Array.from(values);
  return name.endsWith('qkv.bias') ? copy.fill(0, copy.length / 3, (2 * copy.length) / 3) : copy;
}

export function describeParity(cases: readonly (readonly [string, () => Parity])[]): void {
  describe.each(['reference', ...runtimesUnderTest] as const)('on the %s engine', (engineName) => {
    let engine: Engine | undefined;
    const programs: Program[] = [];
    afterAll(() => {
      for (const program of programs) program.dispose();
      engine?.dispose();
    });

    it.each(cases)('%s: loss and gradients are PyTorch’s', async (_name, make) => {
      const { fixture, before, training, inputSpecs, inputs, idle } = make();
      engine ??= await testEngine(engineName);
      const program = await engine.compile(
        (state, given) => {
          const loss = (params: typeof state) => training.loss({ ...state, ...params }, given).loss;
          const { value, grads } = valueAndGrads(loss, trained(state, training.isFrozen));
          return { outputs: { loss: value, ...grads } };
        },
        { state: specsOf(before), inputs: inputSpecs },
      );
      programs.push(program);
      const state = engine.upload(before);
      const outputs = await program.run(state, inputs(0));
      state.dispose();

      const expected = fixture.losses!.data[0]!;
      expect(Math.abs(outputs.loss!.data[0]! - expected) / expected).toBeLessThan(1e-5);
      const gradients = under('gradient.', fixture);
      expect(Object.keys(outputs).sort()).toEqual([...Object.keys(gradients), 'loss'].sort());
      for (const [name, gradient] of Object.entries(gradients)) {
        if (idle?.includes(name)) continue;
        const wanted = comparable(name, gradient.data);
        const error = norm(minus(comparable(name, outputs[name]!.data), wanted)) / norm(wanted);
        expect(error, name).toBeLessThan(1e-4);
      }
    });

    it.each(cases)('%s: the updates are PyTorch’s', async (_name, make) => {
      const { fixture, before, training, optimizer, inputSpecs, inputs, learningRate, idle } = make();
      engine ??= await testEngine(engineName);
      const initial = { ...before, ...optimizer.init(trained(before, training.isFrozen)) };
      const scalar = { shape: [], dtype: 'float32' } as const;
      const program = await engine.compile(trainStep(training, optimizer), {
        state: specsOf(initial),
        inputs: { ...inputSpecs, lr: scalar, step: scalar },
      });
      programs.push(program);
      const state = engine.upload(initial);
      const { losses, norms } = fixture;
      for (let i = 0; i < losses!.data.length; i++) {
        const lr = Float32Array.of(learningRate(i));
        const outputs = await program.run(state, { ...inputs(i), lr, step: Float32Array.of(i + 1) });
        expect(outputs.loss!.data[0]! / losses!.data[i]!, `loss of update ${i + 1}`).toBeCloseTo(1, 4);
        if (!norms) continue;
        expect(outputs.grad_norm!.data[0]! / norms.data[i]!, `gradient norm of update ${i + 1}`).toBeCloseTo(1, 3);
      }
      const after = await state.read(Object.keys(before));
      state.dispose();

      // Of what changed, not of the weights, in which a few small steps would hide.
      for (const [name, expected] of Object.entries(under('after.', fixture))) {
        if (idle?.includes(name)) continue;
        const moved = norm(minus(comparable(name, expected.data), comparable(name, before[name]!.data)));
        const error = norm(minus(comparable(name, after[name]!.data), comparable(name, expected.data)));
        if (moved === 0) expect(error, name).toBe(0);
        else expect(error / moved, name).toBeLessThan(1e-3);
      }
    });
  });
}
