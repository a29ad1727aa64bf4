/** `sb run download`: what `sb cloud run` and `sb run attach` copy while a run goes on, for one that nobody watched. */
import { join } from 'node:path';
import { resultsName } from '../../../results/keys.ts';
import { CliError } from '../../failures/error.ts';
import { RunView } from '../follow/view.ts';
import type { Downloaded } from '../../documents/run.ts';
import { incomplete, type ResultsProblem } from './problem.ts';
import { collectResults } from './results.ts';
import { storedTrials } from './mirror.ts';
import type { Session } from '../../session/types.ts';
import { resolveRun, trialsOf } from '../find/runs.ts';

interface Download {
  /** As it was typed. A run whose Trials are gone from the cluster has to be named in full. */
  run: string;
  /** Absolute; the files come to `<jobsDir>/<run>`. */
  jobsDir: string;
  signal: AbortSignal;
  onProblem: (problem: ResultsProblem) => void;
}

/** Copies what is not there yet. Throws SB-E060 where something could not be had, after everything else was; SB-E090 for a run without a trace. */
export async function downloadRun(session: Session, options: Download): Promise<Downloaded> {
  const { jobsDir, signal, onProblem } = options;
  const { run, gone } = await runToCopy(session, options.run);
  const [store, trials] = await Promise.all([session.store(), trialsOf(session, run)]);
  const stored = await Array.fromAsync(storedTrials(store, run));
  if (gone && stored.length === 0) throw gone;
  const view = new RunView({ run });
  const results = collectResults({
    store,
    run,
    namespace: session.namespace,
    jobsDir,
    view,
    now: session.now,
    signal,
    onProblem,
  });
  for (const trial of trials) {
    view.take({ trial, deleted: false });
    results.add(trial);
  }
  const known = new Set(trials.map((trial) => resultsName(trial)));
  for (const trial of stored) if (!known.has(trial.trialName)) results.addStored(trial);
  const { problems, ...report } = await results.finish();
  signal.throwIfAborted();
  if (problems.length > 0) throw incomplete(run, problems, session);
  return { run, namespace: session.namespace, folder: join(jobsDir, run), ...report };
}

/** Where the cluster does not know it, the name itself, and what the cluster said. */
export async function runToCopy(session: Session, wanted: string): Promise<{ run: string; gone?: CliError }> {
  try {
    return { run: await resolveRun(session, wanted) };
  } catch (error) {
    const mayBeStored = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(wanted);
    if (!(error instanceof CliError) || error.code !== 'SB-E090' || !mayBeStored) throw error;
    return { run: wanted, gone: error };
  }
}
