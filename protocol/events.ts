/** The facts of a run, in the order they happened: one JSON line each in `events.jsonl`. */

/** What the journal can say; a dead process without an end event is seen as `crashed` by whoever looks. */
export type RunStatus = 'running' | 'paused' | 'finished' | 'failed' | 'stopped' | 'interrupted';

/** Bytes that each step carries from the host to the device and back. */
export interface Traffic {
  readonly uploaded: number;
  readonly downloaded: number;
}

export type Job = 'pretrain' | 'evaluate';

/** A figure with the uncertainty of its test set. */
export interface Score {
  readonly value: number;
  /** 95% bootstrap interval over test images. */
  readonly interval: readonly [low: number, high: number];
}

/** In the order in which a full suite runs them: what others build on, and what is quick, first. */
export const evaluationKinds = [
  'pretext',
  'efficiency',
  'knn',
  'probe',
  'cluster',
  'tsne',
  'health',
  'robustness',
  'transfer',
  'finetune',
] as const;

export type EvaluationKind = (typeof evaluationKinds)[number];

/** A checkpoint beside its honest baseline, on the same test images. */
export interface Comparison {
  /** `accuracy`: top-1 in [0, 1]. `loss`: of the pretext task; less is better. */
  readonly metric: 'accuracy' | 'loss';
  readonly score: Score;
  readonly baseline: Score & { readonly name: BaselineName };
  /** How much better than the baseline, in the metric's unit, with its paired 95% bootstrap interval. */
  readonly gain: Score;
}

export type BaselineName = 'random init' | 'from scratch';

/** A further figure that an evaluation gives, without an interval. */
export interface Measure {
  readonly score: number;
  readonly baseline?: number;
}

/** One row of an evaluation report: a protocol applied to a checkpoint, and to its honest baseline. */
export interface Evaluation {
  readonly kind: EvaluationKind;
  /** What sets the row apart from others of its kind: "MLP head", "on stl10". */
  readonly variant?: string;
  /** The protocol in words: "linear, lr 0.1 chosen on held-out train, 100 epochs". */
  readonly protocol: string;
  /** Share of the training labels used; 0 for what learns from none. */
  readonly labels: number;
  readonly trainImages: number;
  readonly testImages: number;
  readonly classes: number;
  /** Absent where only measures are of interest. */
  readonly comparison?: Comparison;
  /** By name, in the order to show them: `nmi`, `ari`, `silhouette`. Baselines are those of the same random-init encoder. */
  readonly measures?: Readonly<Record<string, Measure>>;
  /** Wall time in seconds, baseline included. */
  readonly seconds: number;
}

export type EventBody =
  | {
      /** A process took charge of the run directory. `fromStep` > 0, or a second one, means resumed: later rows are replaced. */
      readonly type: 'launched';
      readonly job: Job;
      readonly pid: number;
      readonly fromStep: number;
      readonly totalSteps: number;
      readonly engine: string;
      /** Set when the engine or device that runs is not the one asked for. */
      readonly fallback?: string;
      /** Of a training on a device with memory of its own. */
      readonly traffic?: Traffic;
    }
  | { readonly type: 'status'; readonly status: RunStatus; readonly reason?: string }
  | {
      /** Keys are as `train/loss`, `perf/images_per_second`, `health/rankme`, `eval/knn_top1`: see `metricName`. */
      readonly type: 'metrics';
      readonly step: number;
      readonly values: Readonly<Record<string, number>>;
    }
  | { readonly type: 'pictures'; readonly step: number; readonly file: string }
  | { readonly type: 'embedding'; readonly step: number; readonly file: string; readonly kl: number }
  | {
      readonly type: 'checkpoint';
      readonly step: number;
      /** Relative to the run directory: `checkpoints/step-000500`. */
      readonly path: string;
      readonly bytes: number;
      /** Checkpoints deleted to make room. */
      readonly removed: readonly number[];
    }
  | {
      readonly type: 'evaluating';
      readonly step: number;
      readonly kind: EvaluationKind;
      readonly done: number;
      readonly message: string;
    }
  | {
      readonly type: 'evaluation';
      readonly step: number;
      readonly evaluation: Evaluation;
      /**
       * What it found besides figures: a `ClusterFile` of the kind `cluster`, a `ProbeFile` of `probe`, a `NeighboursFile`
       * of `knn`, an `EmbeddingFile` of `tsne`, a `HealthFile` of `health`, a `RobustnessFile` of `robustness`.
       */
      readonly file?: string;
    }
  | {
      /**
       * All rows of an evaluation are there. `key` stands for its settings and `images` for what it judged by: asked again by
       * a suite, the same is not done again.
       */
      readonly type: 'evaluated';
      readonly step: number;
      readonly kind: EvaluationKind;
      readonly key: string;
      /** Absent in journals of versions that did not write it. */
      readonly images?: string;
    }
  | {
      /** A suite came to its end and was written up: a `ReportFile`, and the same in Markdown beside it. */
      readonly type: 'report';
      readonly file: string;
      /** What it could not do, and why. */
      readonly leftOut: readonly string[];
    }
  | {
      readonly type: 'notice';
      readonly level: 'info' | 'warning' | 'error';
      readonly message: string;
      /** What a warning is of that stands until a later notice of the same cause is none: `std`, `rank`, `train/loss`. */
      readonly cause?: string;
    };

/** `seq` counts lines from 0; `time` is milliseconds since the epoch. */
export type RunEvent = EventBody & { readonly seq: number; readonly time: number };

/**
 * `media/pictures-<step>.json`: what the pretext task asks and what the model answers, on a few held-out images. `png` is
 * a sheet of tiles, `imageSize` px square: one row per image, one tile per column.
 */
export interface PicturesFile {
  readonly step: number;
  /** What the pictures show, as a heading. */
  readonly title: string;
  readonly png: string;
  readonly imageSize: number;
  /** The words above the columns. */
  readonly columns: readonly string[];
  readonly images: readonly {
    readonly id: string;
    readonly label?: string;
    readonly loss: number;
    readonly answer?: Answer;
  }[];
  /** What a reader must know so that the pictures do not mislead. */
  readonly note: string;
  readonly similarities?: Similarities;
  readonly distributions?: readonly Distribution[];
}

/** Of a task with a right answer. */
export interface Answer {
  readonly truth: string;
  readonly guess: string;
  /** Probability that the model gives its guess. */
  readonly confidence: number;
}

/** Cosine similarities between views, [labels.length, labels.length] row by row. */
export interface Similarities {
  readonly labels: readonly string[];
  readonly values: readonly number[];
}

/** Values to be seen as a histogram. */
export interface Distribution {
  readonly title: string;
  /** What is measured, in words: those of one axis are seen together. The only axis needs none. */
  readonly axis?: string;
  readonly values: readonly number[];
}

/**
 * `media/embedding-<step>.json`: a t-SNE map of held-out images. `sheet` is a WebP of their thumbnails, `columns` wide. `png`
 * shows the images where the map puts them, if an evaluation drew it.
 */
export interface EmbeddingFile {
  readonly step: number;
  /** [x0, y0, x1, y1, ...] */
  readonly points: readonly number[];
  readonly ids: readonly string[];
  /** Index into `classes` per point; absent for data without labels. */
  readonly labels?: readonly number[];
  readonly classes?: readonly string[];
  /** k-means cluster per point, computed on the embeddings. */
  readonly clusters: readonly number[];
  readonly sheet: string;
  readonly png?: string;
  readonly thumbnailSize: number;
  readonly columns: number;
  readonly perplexity: number;
  readonly seed: number;
  /** The step of the map that it was started from; absent where the principal components were its start. */
  readonly startedFrom?: number;
  readonly iterations: number;
  readonly kl: number;
  readonly trustworthiness: number;
  readonly seconds: number;
}

/**
 * `media/clusters-<step>-....json`: the clusters of the test images. `png` is a sheet of tiles, `tileSize` px square,
 * `columns` wide: one row per cluster, its images nearest to the centre from the left.
 */
export interface ClusterFile {
  readonly step: number;
  readonly png: string;
  readonly tileSize: number;
  readonly columns: number;
  readonly classes: readonly string[];
  /** Largest first. */
  readonly clusters: readonly {
    /** Index into `classes` of the class that it was matched with; absent where that is right of none of its images. */
    readonly match?: number;
    /** Its images by class. */
    readonly counts: readonly number[];
    /** `distance` is that of the unit-length embedding from the centre; `label` an index into `classes`. */
    readonly images: readonly { readonly id: string; readonly label: number; readonly distance: number }[];
  }[];
}

/** `media/health-<step>-....json`: along how many directions embeddings spread, the judged encoder's first. */
export interface HealthFile {
  readonly step: number;
  readonly images: number;
  readonly encoders: readonly {
    readonly name: 'pretrained' | 'random init';
    /** Of the embeddings of the images, as they are, the largest first. */
    readonly singularValues: readonly number[];
    /** After each block: the effective rank of the embeddings' covariance, and their width, which it cannot exceed. */
    readonly layers: readonly { readonly rank: number; readonly width: number }[];
  }[];
}

/**
 * `media/robustness-<step>-....json`: accuracy on corrupted test images. `png` is a sheet of tiles, `tileSize` px square: one
 * row per corruption, an example as it is and then at each severity.
 */
export interface RobustnessFile {
  readonly step: number;
  readonly png: string;
  readonly tileSize: number;
  readonly testImages: number;
  readonly severities: readonly number[];
  /** Accuracies in [0, 1] of the checkpoint and of the random-init encoder on the images as they are. */
  readonly clean: { readonly score: number; readonly baseline: number };
  /** `scores` and `baselines` are accuracies in the order of the severities. */
  readonly corruptions: readonly {
    readonly name: string;
    readonly group: CorruptionGroup;
    readonly scores: readonly number[];
    readonly baselines: readonly number[];
  }[];
}

export type CorruptionGroup = 'noise' | 'blur' | 'weather' | 'digital';

/**
 * `media/probe-<step>-....json`: what a probe takes for what. Counts are of test images, by class and by the answer,
 * [classes, classes] row by row. `png` shows both as heat maps, the probe's on the left.
 */
export interface ProbeFile {
  readonly step: number;
  readonly png: string;
  readonly classes: readonly string[];
  readonly counts: readonly number[];
  readonly baseline: { readonly name: BaselineName; readonly counts: readonly number[] };
}

/**
 * `media/neighbours-<step>-....json`: a few test images and the training images nearest to them. `png` is a sheet of
 * tiles, `tileSize` px square, `columns` wide: one row per test image, which comes first.
 */
export interface NeighboursFile {
  readonly step: number;
  readonly png: string;
  readonly tileSize: number;
  readonly columns: number;
  readonly classes: readonly string[];
  /** How many neighbours vote: those that are shown and others. */
  readonly k: number;
  /** `label` and `guess` are indices into `classes`; `guess` is what the k neighbours vote for. */
  readonly images: readonly {
    readonly id: string;
    readonly label: number;
    readonly guess: number;
    /** The nearest first, with the cosine similarity of their embeddings to the image's. */
    readonly neighbours: readonly { readonly id: string; readonly label: number; readonly similarity: number }[];
  }[];
}

/** `run.json`: what a run is, written once before its first event. */
export interface RunManifest {
  readonly version: 1;
  readonly runId: string;
  /** Experiment name. */
  readonly experiment: string;
  /** File name of the config, relative to the folder that holds `.tessera`. */
  readonly configFile: string;
  /** The config with every default filled in: an `ExperimentConfig`. */
  readonly config: unknown;
  readonly createdAt: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly git?: { readonly commit: string; readonly dirty: boolean };
  /** The checkpoint this run started from, relative to the `.tessera` folder. */
  readonly parent?: string;
}
