/** Host <-> webview, as typed unions. The webview keeps its own `Run` with the same reducer. */
import type {
  ClusterFile,
  EmbeddingFile,
  EvaluationKind,
  HealthFile,
  NeighboursFile,
  PicturesFile,
  ProbeFile,
  RobustnessFile,
  RunEvent,
} from './events';
import type { Run } from './run';

export type LiveStatus = Run['status'] | 'crashed';

export interface DashboardState {
  /** Absolute path; kept in the webview's memento so that the panel finds its run after a reload. */
  readonly runDirectory: string;
  readonly run: Run;
  /** The run's status with dead processes taken into account. */
  readonly liveStatus: LiveStatus;
  /** Whether a process works on the run: trains it, or judges one of its checkpoints. */
  readonly alive: boolean;
  /** What files under the run directory are reached by, for <img src>. */
  readonly baseUri: string;
}

/** What is kept in files beside the journal, and named by its events. */
export interface RunFiles {
  readonly pictures: PicturesFile;
  readonly embedding: EmbeddingFile;
  readonly clusters: ClusterFile;
  readonly robustness: RobustnessFile;
  readonly health: HealthFile;
  readonly probe: ProbeFile;
  readonly neighbours: NeighboursFile;
}

/** A file that was asked for, or why there is none. */
export type FileMessage = {
  [Kind in keyof RunFiles]: {
    readonly type: Kind;
    readonly file: string;
    readonly content: RunFiles[Kind] | null;
    readonly error?: string;
  };
}[keyof RunFiles];

export type ToDashboard =
  | { readonly type: 'snapshot'; readonly state: DashboardState }
  | {
      readonly type: 'events';
      readonly events: readonly RunEvent[];
      readonly liveStatus: LiveStatus;
      readonly alive: boolean;
    }
  | FileMessage
  /** Puts the cursor on a step: the page was opened for a checkpoint. */
  | { readonly type: 'go'; readonly step: number }
  /** The run directory is gone or unreadable. */
  | { readonly type: 'lost'; readonly message: string };

export type FromDashboard =
  | { readonly type: 'ready' }
  /** Asks for a file named by an event; answered by a message of the same kind. */
  | { readonly type: 'open'; readonly kind: keyof RunFiles; readonly file: string }
  | {
      readonly type: 'command';
      readonly command: 'pause' | 'resume' | 'resumeOnCpu' | 'stop' | 'checkpoint' | 'report' | 'reveal';
    }
  /** Without a kind: asks which. */
  | { readonly type: 'evaluate'; readonly kind?: EvaluationKind }
  /** Offers a file to save: CSV of a chart, PNG of a picture, the report. */
  | { readonly type: 'save'; readonly name: string; readonly mime: string; readonly data: string | Uint8Array };

/** What the panel needs to come back after a reload. */
export interface DashboardMemento {
  readonly runDirectory: string;
}
