import { expect, it } from 'vitest';
import { dataSetsOf } from '../../../extension/data-sets';

it.each([
  ['CIFAR-10', ['cifar/data_batch_1.bin'], 'cifar', 32],
  ['CIFAR-100', ['a/b/fine_label_names.txt'], 'a/b', 32],
  ['STL-10', ['train_X.bin'], '.', 96],
  ['IDX', ['mnist/train-images-idx3-ubyte', 'mnist/train-images-idx3-ubyte.gz'], 'mnist', 28],
  ['IDX', ['emnist-letters-train-images-idx3-ubyte.gz'], 'emnist-letters-train-images-idx3-ubyte.gz', 28],
  ['NumPy', ['med/pathmnist.npz'], 'med/pathmnist.npz', 28],
  ['NumPy', ['k/kmnist-train-imgs.npz', 'k/kmnist-train-labels.npz'], 'k/kmnist-train-imgs.npz', 28],
])('%s files %j are the data set %s', (name, paths, source, imageSize) => {
  expect(dataSetsOf(paths)).toEqual([{ source, name, imageSize }]);
});

it('sets come by path, and other files are none', () => {
  const paths = ['z.npz', 'b/train_X.bin', 'a/data_batch_1.bin', 'train-images.png', 'a/data_batch_2.bin'];
  expect(dataSetsOf(paths).map(({ source }) => source)).toEqual(['a', 'b', 'z.npz']);
  expect(dataSetsOf([])).toEqual([]);
});
