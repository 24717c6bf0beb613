/** Frames that are not the author's: tfjs, this engine (not its tests), and Node itself. */
const foreign = /node_modules[\\/]|trainer[\\/]engine[\\/](?!.*\.test\.)|node:|<anonymous>|native/;

/** Runs part of a step; an error names the tfjs op that failed and the line of the step that called it. */
export function located<T>(f: () => T): T {
  const { stackTraceLimit } = Error;
  // The caller of an op is often more than the usual ten frames away.
  Error.stackTraceLimit = 100;
  try {
    return f();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Error(describe(error), { cause: error });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function describe(error: Error): string {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const own = frames.findIndex((frame) => !foreign.test(frame));
  const place = /((?:file:\/\/)?[^\s()]+):(\d+):\d+\)?$/.exec(frames[own] ?? '');
  const calls = frames.slice(0, own < 0 ? frames.length : own).reverse();
  const op = calls
    .map((frame) => /at (?:\w+ \[as )?(?:Tensor\.|Object\.)?(\w+?)(?:__op|_)? /.exec(frame)?.[1])
    .find(Boolean);
  const kernel = /Kernel '(\w+)' not registered/.exec(error.message)?.[1];
  const message = kernel ? `${kernel} cannot be traced: it has no lowering to ONNX` : error.message;
  const file = place?.[1]?.replace(/^file:\/\//, '');
  return file ? `${op ?? 'step'} at ${file}:${place![2]}: ${message}` : message;
}
