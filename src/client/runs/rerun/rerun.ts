/** `sb run rerun`: the same again for some Trials of a run, as a run of its own. */
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../../crds/kinds.ts';
import { LABEL } from '../../../crds/names.ts';
import type { TaskBuild } from '../../../crds/task-build.ts';
import type { Trial } from '../../../crds/trial.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import { Secret as SecretKind } from '../../../kube/kinds.ts';
import { CliError } from '../../failures/error.ts';
import { checkRunName, secretObjectName } from '../plan/names.ts';
import { inParallel } from '../../../async/in-parallel.ts';
import type { Rerun } from '../../documents/run.ts';
import { persistently } from '../../session/persistent.ts';
import type { Session } from '../../session/types.ts';
import { isOpen } from '../end.ts';
import {
  selectionOf,
  chooseName,
  needsSecret,
  RERUN,
  rerunBuild,
  rerunTrial,
  selectionHash,
  type EarlierRerun,
} from './plan.ts';
import { resolveRun, eachTrial, runOf, trialsOf } from '../find/runs.ts';

const PARALLEL = 32;

export interface RerunWish {
  /** Run to repeat, as it was typed. */
  run: string;
  /** `--only`, all of them; none: every Trial. */
  only: readonly string[];
  /** Default: `<run>-r<number>`. */
  runName?: string;
  signal: AbortSignal;
}

/** Creates what the rerun lacks. Throws SB-E090, SB-E091, SB-E092. */
export async function rerun(
  session: Session,
  { run: wanted, only, runName, signal }: RerunWish,
): Promise<Rerun> {
  const { namespace } = session;
  const selects = selectionOf(only);
  const source = await resolveRun(session, wanted);
  const selected = (await trialsOf(session, source)).filter(selects);
  if (selected.length === 0) throw nothing(source, only);
  const selection = selectionHash(selected);
  const run =
    runName === undefined
      ? chooseName(source, { selection, count: selected.length, ...(await runsSoFar(session, source)) })
      : checkRunName(runName);
  const builds = await ownBuilds(session, { source, selected });
  await copySecret(session, { source, run, selected });
  const ownNames = new Set(builds.map(({ metadata }) => metadata.name));
  const trials = selected.map((trial) => rerunTrial(trial, { source, run, selection, ownBuilds: ownNames }));
  const there = new Set((await trialsOf(session, run)).map(({ metadata }) => metadata.name));
  const missing = trials.filter(({ metadata }) => !there.has(metadata.name));
  const { clock, random } = session.kubeParts;
  const patiently = { clock, random, signal };
  for (const build of builds)
    await persistently(() => session.kube.apply(TaskBuildKind, rerunBuild(build, run)), patiently);
  await inParallel(missing, (trial) => persistently(() => session.kube.apply(TrialKind, trial), patiently), {
    width: PARALLEL,
    signal,
  });
  return { run, namespace, of: source, created: missing.length, unchanged: trials.length - missing.length };
}

/** Names of all runs, and what was made of this one before. */
async function runsSoFar(
  session: Session,
  source: string,
): Promise<{ earlier: EarlierRerun[]; taken: Set<string> }> {
  const taken = new Set<string>();
  const earlier = new Map<string, EarlierRerun>();
  await eachTrial(session, {
    onStart: () => earlier.clear(),
    onTrial: (trial) => {
      const { annotations = {} } = trial.metadata;
      const run = runOf(trial);
      taken.add(run);
      if (annotations[RERUN.run] !== source) return;
      const selection = annotations[RERUN.selection] ?? '';
      const one = earlier.get(run) ?? { run, selection, trials: 0, open: 0 };
      earlier.set(run, { ...one, trials: one.trials + 1, open: one.open + Number(isOpen(trial)) });
    },
  });
  return { earlier: [...earlier.values()], taken };
}

async function ownBuilds(
  { kube, namespace }: Session,
  { source, selected }: { source: string; selected: readonly Trial[] },
): Promise<TaskBuild[]> {
  const wanted = new Set(selected.flatMap(({ spec }) => spec.environment.buildRef?.name ?? []));
  if (wanted.size === 0) return [];
  const builds = await kube.list(TaskBuildKind, { namespace, labelSelector: `${LABEL.run}=${source}` });
  return builds.filter(({ metadata }) => wanted.has(metadata.name));
}

async function copySecret(
  { kube, namespace }: Session,
  { source, run, selected }: { source: string; run: string; selected: readonly Trial[] },
): Promise<void> {
  const from = secretObjectName(source);
  if (!needsSecret(selected, from)) return;
  const secret = await kube.get(SecretKind, { namespace, name: from });
  if (!secret)
    throw new CliError('SB-E092', {
      what: `cannot run ${source} again`,
      why: `its Trials take variables out of the Secret ${from}, and that is gone`,
      fix: 'start it anew: sb cloud run, with the same options',
    });
  const { type, data } = secret;
  try {
    await kube.create(SecretKind, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: secretObjectName(run), labels: { [LABEL.run]: run } },
      ...(type !== undefined && { type }),
      ...(data && { data }),
    });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

const nothing = (run: string, only: readonly string[]): CliError =>
  new CliError('SB-E092', {
    what: `no Trial of run ${run} is to be run again`,
    why: `none of its Trials fits --only ${only.join(', ')}`,
    fix: `sb run show ${run}`,
  });
