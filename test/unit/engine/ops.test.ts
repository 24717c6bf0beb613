import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor4D } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { valueAndGrads } from '../../../trainer/engine/ops';
import type { HostTensors, Step, Tensors } from '../../../trainer/engine/types';
import { runtimesUnderTest, testEngine } from '../../engines';
import { float } from '../../ops/case';
import { opGroups } from '../../ops/cases';
import { agree } from './agree';

const tested = [...runtimesUnderTest, 'onnx-plain'] as const;
describe.each(tested)('ops on %s compute what the reference computes', async (name) => {
  const engine = await testEngine(name, { threads: 1 });

  for (const group of opGroups) it(group.name, () => group.holds((cases) => agree(engine, cases)));

  it('a convolution of more images than are done at once', async () => {
    // Each image a multiple of one; what comes out is the same multiple, and is divided by it.
    const of = async (batch: number) => {
      const step: Step = (_, { image, kernel, factors }) => {
        const forward = (p: Tensors) =>
          tf.div(tf.conv2d(tf.mul(p.image!, factors!), p.kernel as Tensor4D, 1, 'same'), factors!);
        const loss = (p: Tensors) => tf.sum<Scalar>(tf.square(tf.mean(forward(p), 0)));
        const y = forward({ image: image!, kernel: kernel! });
        return { outputs: { least: tf.min(y, 0), most: tf.max(y, 0), ...valueAndGrads(loss, { image: image!, kernel: kernel! }).grads } }; // prettier-ignore
      };
      const inputs = {
        image: float([1, 8, 8, 1]),
        kernel: float([8, 8, 1, 1], 2),
        factors: float([batch, 1, 1, 1], 3, 1, 2),
      };
      const program = await engine.compile(step, { state: {}, inputs });
      const outputs = await program.run(engine.upload({}), mapData(inputs));
      program.dispose();
      return outputs;
    };
    const [one, many] = [await of(1), await of(8192)];
    for (const [name, { data }] of Object.entries(one))
      data.forEach((value, i) => expect(Math.abs(many[name]!.data[i]! / value - 1), name).toBeLessThan(3e-3));
  });
});

const mapData = (tensors: HostTensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data]));
