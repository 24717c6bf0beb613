/** A process in charge of a run: it owns the directory, writes the journal and answers on the socket. */
import { rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isOurSocket, manifestPath, readManifest, readOwner } from '../../client/index';
import type { Owner } from '../../protocol/control';
import { ExperimentConfig } from '../../protocol/config';
import { checkMeaning } from '../../protocol/semantics';
import type { EventBody, RunManifest } from '../../protocol/events';
import type { Run } from '../../protocol/run';
import { createControlServer, type ControlServer } from './control-server';
import { openJournal, type JournalWriter } from './journal';
import { claim, heartbeat, newToken, selfAsOwner, type Ownership } from './owner';
import { createRequestQueue, type RequestQueue } from './requests';

export interface Session {
  readonly directory: string;
  readonly manifest: RunManifest;
  readonly config: ExperimentConfig;
  /** The folder that holds `.tessera`: relative paths of the config start there. */
  readonly project: string;
  readonly requests: RequestQueue;
  readonly run: () => Run;
  /** States a fact: in the journal first, then to everyone who follows. Throws when the journal cannot be written. */
  readonly emit: (body: EventBody) => void;
  /** Gives the run up. */
  readonly end: () => Promise<void>;
}

export interface Claimed {
  readonly directory: string;
  readonly ownership: Ownership;
}

/**
 * Takes charge of an existing run. Throws when somebody has it, or its `run.json` cannot be used.
 *
 * @param device where to go on instead of where the config says: a GPU may be gone.
 */
export async function openRun(directory: string, device?: 'cpu'): Promise<Session> {
  const full = resolve(directory);
  await readManifest(full);
  const session = await openSession(async (owner) => {
    const former = await readOwner(full);
    const ownership = await claim(full, owner);
    if (former && isOurSocket(former.socket) && process.platform !== 'win32') await rm(former.socket, { force: true });
    return { directory: full, ownership };
  });
  return device ? { ...session, config: { ...session.config, device } } : session;
}

/** `take` signs a run directory with the given owner; by then the socket is there to be named. */
export async function openSession(take: (owner: Owner) => Promise<Claimed>): Promise<Session> {
  const requests = createRequestQueue();
  const token = newToken();
  let manifest: RunManifest | undefined;
  let journal: JournalWriter | undefined;
  const server = await createControlServer({
    token,
    runId: () => manifest?.runId ?? '',
    seq: () => journal?.run().seq ?? -1,
    requests,
  });
  try {
    const { directory, ownership } = await take(selfAsOwner(server.socket, token));
    try {
      manifest = await readManifest(directory);
      const config = frozenConfig(directory, manifest);
      journal = await openJournal(directory);
      return session({ directory, manifest, config, ownership, server, requests, journal });
    } catch (error) {
      await ownership.release(directory);
      throw error;
    }
  } catch (error) {
    await server.close();
    throw error;
  }
}

interface Parts {
  readonly directory: string;
  readonly manifest: RunManifest;
  readonly config: ExperimentConfig;
  readonly ownership: Ownership;
  readonly server: ControlServer;
  readonly requests: RequestQueue;
  readonly journal: JournalWriter;
}

function session({ directory, manifest, config, ownership, server, requests, journal }: Parts): Session {
  const stopHeartbeat = heartbeat(directory, () => {
    stopHeartbeat();
    const reason = `${directory} was deleted or moved, or another process took its owner.json.`;
    requests.ask({ name: 'interrupt', reason }).catch(() => {});
  });
  return {
    directory,
    manifest,
    config,
    // <project>/.tessera/runs/<runId>
    project: dirname(dirname(dirname(directory))),
    requests,
    run: journal.run,
    emit: (body) => server.broadcast(journal.append(body)),
    end: async () => {
      requests.close();
      stopHeartbeat();
      journal.close();
      // Whoever sees the line close finds nobody signed.
      await ownership.release(directory);
      await server.close();
    },
  };
}

/** The config that a run began with. Throws an error that names file and field when it is not one. */
export function frozenConfig(directory: string, { config }: RunManifest): ExperimentConfig {
  const parsed = ExperimentConfig.safeParse(config);
  const problems: string[] = [];
  const complain = (path: readonly PropertyKey[], message: string) => {
    problems.push(`${manifestPath(directory)}: config.${path.join('.')}: ${message}`);
  };
  if (parsed.success) checkMeaning(parsed.data, complain);
  else for (const { path, message } of parsed.error.issues) complain(path, message);
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new Error(problems[0]);
}
