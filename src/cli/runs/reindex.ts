/** `sb run reindex`: index and aggregate of a run, as the operator would have written them. */
import type { Reindexed } from '../../client/documents/run.ts';
import { trialsOf } from '../../client/runs/find/runs.ts';
import { storedTrials } from '../../client/runs/mirror/mirror.ts';
import { reindexRun } from '../../client/runs/reindex.ts';
import type { Session } from '../../client/session/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { jobResultKey } from '../../results/keys.ts';
import type { Terminal } from '../types.ts';
import { runToCopy } from '../../client/runs/mirror/download.ts';

interface Reindex {
  /** As it was typed. A run whose Trials are gone from the cluster has to be named in full. */
  run: string;
  terminal: Terminal;
  signal: AbortSignal;
}

/** Results that are read between two lines of progress. */
const STEP = 1000;

/** Whether nothing is stored of the run. */
const isUnknown = async (store: ArtifactStore, run: string): Promise<boolean> =>
  (await storedTrials(store, run).next()).done === true;

/** Throws SB-E090 for a run without a trace. */
export async function reindex(session: Session, options: Reindex): Promise<Reindexed> {
  const { terminal, signal } = options;
  const { namespace, now } = session;
  const { run, gone } = await runToCopy(session, options.run);
  const [store, trials] = await Promise.all([session.store(), trialsOf(session, run)]);
  const onProgress = (read: number): void => {
    if (read % STEP === 0) terminal.err(`${read} results read\n`);
  };
  if (gone && (await isUnknown(store, run))) throw gone;
  const done = await reindexRun({ store, run, namespace, trials, now, signal, onProgress });
  const { job, ...counts } = done;
  return { run, namespace, ...counts, result: store.uri(jobResultKey(job)) };
}
