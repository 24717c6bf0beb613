/** Data sets in their publishers' own files, known by the names of those. Pure. */

export interface DataSet {
  /** What the config names: the folder of the files, or the one file. Relative, with forward slashes. */
  readonly source: string;
  readonly name: string;
  /** Side in px at which it is usually read. */
  readonly imageSize: number;
}

/** For a search of the workspace: one file of each set. */
export const dataSetPattern =
  '**/{data_batch_1.bin,fine_label_names.txt,train_X.bin,*train-images?idx3-ubyte,*train-images?idx3-ubyte.gz,*.npz}';

const kinds = [
  { file: /^data_batch_1\.bin$/, name: 'CIFAR-10', imageSize: 32, named: 'folder' },
  { file: /^fine_label_names\.txt$/, name: 'CIFAR-100', imageSize: 32, named: 'folder' },
  { file: /^train_X\.bin$/, name: 'STL-10', imageSize: 96, named: 'folder' },
  { file: /^train-images[-.]idx3-ubyte(\.gz)?$/, name: 'IDX', imageSize: 28, named: 'folder' },
  // EMNIST's splits lie in one folder.
  { file: /^.+-train-images[-.]idx3-ubyte(\.gz)?$/, name: 'IDX', imageSize: 28, named: 'file' },
  // KMNIST has a file for each array; the others are found beside this one.
  { file: /-(train-labels|test-imgs|test-labels)\.npz$/, name: undefined },
  { file: /\.npz$/, name: 'NumPy', imageSize: 28, named: 'file' },
] as const;

/** The data sets that the files belong to, each once, by path. */
export function dataSetsOf(paths: readonly string[]): DataSet[] {
  const found = new Map<string, DataSet>();
  for (const path of paths) {
    const slash = path.lastIndexOf('/');
    const kind = kinds.find(({ file }) => file.test(path.slice(slash + 1)));
    if (kind?.name === undefined) continue;
    const source = kind.named === 'file' ? path : path.slice(0, Math.max(0, slash)) || '.';
    found.set(source, { source, name: kind.name, imageSize: kind.imageSize });
  }
  return [...found.values()].sort((a, b) => (a.source < b.source ? -1 : 1));
}
