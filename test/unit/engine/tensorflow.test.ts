/** The tensorflow engine as a run gets it. That it computes what the others do is in the tests of ops and of parity. */
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { PretrainConfig } from '../../../protocol/config';
import { createEngine, probeTensorflow } from '../../../trainer/engine/index';
import { loadTensorflow } from '../../../trainer/engine/tensorflow/load';
import { gpuNames, whyNoGpu, whyNotLoaded } from '../../../trainer/engine/tensorflow/probe';
import { chooseEngine } from '../../../trainer/jobs/engine-choice';
import { createMethod } from '../../../trainer/methods/index';
import { noiseInputs, trainingProgram } from '../../../trainer/methods/training';
import { tensorflowFolder, testEngine } from '../../engines';
import { specsOf } from '../nn/evaluate';

it('is not made without a folder, nor on a device that it does not know', async () => {
  await expect(createEngine({ engine: 'tensorflow' })).rejects.toThrow(/needs the folder where it is installed/);
  await expect(createEngine({ engine: 'tensorflow', device: 'webgpu' })).rejects.toThrow(
    'the tensorflow engine runs on cpu or cuda, not on webgpu',
  );
});

describe('what a library says is understood', () => {
  it('of the GPUs that it found', () => {
    const log = '2026-01-01: I a.cc:1] Created device /job:localhost/replica:0/task:0/device:GPU:0 with 9 MB memory:  -> device: 0, name: NVIDIA A100-SXM4, pci bus id: 0000'; // prettier-ignore
    expect(gpuNames(`${log}\n${log.replace('A100-SXM4', 'T4')}`)).toBe('NVIDIA A100-SXM4; NVIDIA T4');
    expect(gpuNames('')).toBe('a GPU of unknown name');
  });

  it('of why there is none', () => {
    expect(whyNoGpu('', { cuda: false })).toBe('the library was built without CUDA');
    const driver = 'E0000 00:00:1.1 2 cuda_platform.cc:51] failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_NO_DEVICE'; // prettier-ignore
    expect(whyNoGpu(driver, { cuda: true })).toMatch(/^failed call to cuInit: .*CUDA_ERROR_NO_DEVICE$/);
    const dlerror =
      "2026-01-01: W dso_loader.cc:64] Could not load dynamic library 'libcudnn.so.8'; dlerror: no such file";
    expect(whyNoGpu(`${dlerror}\n${dlerror}`, {})).toBe('libraries of CUDA are missing: libcudnn.so.8');
    expect(whyNoGpu('', {})).toMatch(/does not say why$/);
  });

  it('of why it does not load', () => {
    const dlopen =
      'node:internal\n\nError: libtensorflow_cc.so.2: cannot open shared object file: No such file\n    at x';
    expect(whyNotLoaded({ code: 1 }, dlopen)).toBe(
      'libtensorflow_cc.so.2: cannot open shared object file: No such file',
    );
    expect(whyNotLoaded({ signal: 'SIGSEGV' }, '')).toBe('the process was ended by SIGSEGV');
    const fatal = '2026-01-01 00:00:00.0: F tensorflow/core/cpu_feature_guard.cc:38] needs AVX instructions';
    expect(whyNotLoaded({ signal: 'SIGABRT' }, fatal)).toBe(
      'needs AVX instructions (the process was ended by SIGABRT)',
    );
    expect(whyNotLoaded({ killed: true }, '')).toMatch(/^no answer in \d+ s$/);
  });
});

describe.runIf(tensorflowFolder)('installed', { timeout: 300_000 }, () => {
  const folder = tensorflowFolder!;

  it('is found by its probe and chosen by name', async () => {
    const report = await probeTensorflow(folder);
    expect(report.state, report.detail).toBe('works');
    expect(report.detail).toMatch(/^TensorFlow \d+\.\d+\.\d+, @tensorflow\/tfjs-node/);
    const { engine, fallback } = await chooseEngine({ engine: 'tensorflow', device: 'cpu' });
    expect([engine.name, engine.device, fallback]).toEqual(['tensorflow', 'cpu', undefined]);
  });

  it('refuses a step that other engines could not run', async () => {
    const engine = await testEngine('tensorflow');
    const x = { shape: [2], dtype: 'float32' } as const;
    const compiled = engine.compile((_, { x }) => ({ outputs: { y: tf.atan2(x!, x!) } }), { state: {}, inputs: { x } });
    await expect(compiled).rejects.toThrow(/Atan2 cannot be traced/);
  });

  it('trains 200 steps with the same tensors in memory, and lets them go', async () => {
    const pretrain = PretrainConfig.parse({ batchSize: 4, backbone: { width: 16, depth: 1, heads: 2, patchSize: 8 }, decoder: { width: 16, depth: 1, heads: 2 } }); // prettier-ignore
    const method = createMethod(pretrain, 16);
    const { step, fresh, inputs } = trainingProgram(method, pretrain, 0);
    const engine = await testEngine('tensorflow');
    const program = await engine.compile(step, { state: specsOf(fresh), inputs });
    const state = engine.upload(fresh);
    const given = noiseInputs(method, pretrain.batchSize, 0, { step: 0, learningRate: 1e-3 });
    const { binding } = loadTensorflow(folder, 'cpu');
    const counts = () => [tf.memory().numTensors, tf.memory().numDataBuffers, binding.getNumOfTensors()];
    const { loss: first } = await program.run(state, given);
    const held = counts();
    let last = first;
    for (let at = 1; at < 200; at++) last = (await program.run(state, given)).loss;
    expect(counts()).toEqual(held);
    expect(last!.data[0]).toBeLessThan(first!.data[0]!);
    state.dispose();
    program.dispose();
    expect([binding.getNumOfTensors(), binding.getNumOfSavedModels()]).toEqual([0, 0]);
  });
});
