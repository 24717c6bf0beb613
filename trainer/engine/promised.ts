/** What is computed at once, as a promise: what fails is a rejection, as on every device. */
export const promised = <T>(f: () => T): Promise<T> =>
  new Promise((resolve) => {
    resolve(f());
  });
