/** Files and images of the run directory, asked for when first looked at and kept while they are likely to be again. */
import type { FileMessage, RunFiles } from '../protocol/messages';
import {
  problemOfClusters,
  problemOfEmbedding,
  problemOfHealth,
  problemOfNeighbours,
  problemOfPictures,
  problemOfProbe,
  problemOfRobustness,
} from './check';
import { send } from './host';

const problemOf: Record<keyof RunFiles, (content: unknown) => string | undefined> = {
  pictures: problemOfPictures,
  embedding: problemOfEmbedding,
  clusters: problemOfClusters,
  robustness: problemOfRobustness,
  health: problemOfHealth,
  probe: problemOfProbe,
  neighbours: problemOfNeighbours,
};

type Opened<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly content: T }
  | { readonly state: 'failed'; readonly error: string };

export interface Files {
  open<K extends keyof RunFiles>(kind: K, file: string): Opened<RunFiles[K]>;
  /** `path` is relative to the run directory. */
  image(path: string): Opened<HTMLImageElement>;
  receive(message: FileMessage): void;
  clear(): void;
}

/** Enough to scrub back and forth without asking again, little enough to forget. */
const keep = 48;

const loading = { state: 'loading' } as const;

export function createFiles(changed: () => void, baseUri: () => string): Files {
  const contents = new Map<string, Opened<RunFiles[keyof RunFiles]>>();
  const images = new Map<string, Opened<HTMLImageElement>>();

  /** The oldest go first; what is looked at is always among the newest. */
  function put<T>(map: Map<string, T>, key: string, value: T) {
    map.delete(key);
    map.set(key, value);
    for (const old of map.keys()) {
      if (map.size <= keep) break;
      map.delete(old);
    }
  }

  return {
    open<K extends keyof RunFiles>(kind: K, file: string) {
      const known = contents.get(file);
      if (known) return known as Opened<RunFiles[K]>;
      send({ type: 'open', kind, file });
      put(contents, file, loading);
      return loading;
    },
    image(path) {
      const known = images.get(path);
      if (known) return known;
      const image = new Image();
      // Without this a canvas that the image was drawn on could not be exported.
      image.crossOrigin = 'anonymous';
      const done = (opened: Opened<HTMLImageElement>) => {
        if (images.get(path)?.state !== 'loading') return;
        images.set(path, opened);
        changed();
      };
      image.onload = () => done({ state: 'ready', content: image });
      image.onerror = () => done({ state: 'failed', error: `${path} is missing or not an image` });
      image.src = `${baseUri().replace(/\/$/, '')}/${path.split('/').map(encodeURIComponent).join('/')}`;
      put(images, path, loading);
      return loading;
    },
    receive({ type, file, content, error }) {
      const problem = problemOf[type](content);
      const failed = error ?? (problem && `${file} ${problem}`);
      put(
        contents,
        file,
        failed === undefined && content ? { state: 'ready', content } : { state: 'failed', error: failed ?? file },
      );
    },
    clear() {
      contents.clear();
      images.clear();
    },
  };
}
