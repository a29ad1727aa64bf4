/** `sb run rerun`: the same again for some Trials of a run, as a run of its own. */
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../../crds/kinds.ts';
import { LABEL, API_VERSION, bounded, PREFIX, sha256 } from '../../../crds/names.ts';
import type { TaskBuild } from '../../../crds/task-build.ts';
import type { Trial, TrialSpec } from '../../../crds/trial.ts';
import { isAlreadyExists } from '../../../kube/errors.ts';
import { Secret as SecretKind } from '../../../kube/kinds.ts';
import { CliError } from '../../failures/error.ts';
import { checkRunName, secretObjectName, buildObjectName } from '../plan/names.ts';
import { inParallel } from '../../../async/in-parallel.ts';
import type { Rerun } from '../../documents/run.ts';
import { persistently } from '../../session/persistent.ts';
import type { Session } from '../../session/types.ts';
import { isOpen } from '../end.ts';
import { selectionOf } from './only.ts';
import { resolveRun, eachTrial, runOf, trialsOf } from '../find/runs.ts';
import { byText } from '../../../text/figures.ts';
import type { EnvVar } from '../../../crds/environment.ts';

const PARALLEL = 32;

interface RerunWish {
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
  const builds = await buildsOf(session, { source, selected });
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

async function buildsOf(
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
      fix: 'start a new run: sb cloud run, with the same options',
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

/** On a Trial that repeats another: the run it came from, its name, and what was selected together with it. */
const RERUN = {
  run: `${PREFIX}rerun-of-run`,
  trial: `${PREFIX}rerun-of`,
  selection: `${PREFIX}rerun-selection`,
} as const;

/** The same for the same selected Trials: what tells a rerun that was interrupted from a new one. */
const selectionHash = (trials: readonly Trial[]): string =>
  sha256(
    trials
      .map(({ metadata }) => metadata.uid ?? metadata.name)
      .sort(byText)
      .join('\n'),
  ).slice(0, 16);

/** A run's name without `-r2`, and the 2; 0 where it repeats none. */
function numbered(run: string): { base: string; number: number } {
  const [, base = run, number = '0'] = /^(.+)-r(\d{1,4})$/.exec(run) ?? [];
  return { base, number: Number(number) };
}

/** `<run>-r<number>`, still a label value. */
const rerunName = (run: string, number: number): string =>
  `${bounded(numbered(run).base, 63 - `-r${number}`.length)}-r${number}`;

/** What is known of an earlier rerun. */
interface EarlierRerun {
  run: string;
  selection: string;
  trials: number;
  open: number;
}

/**
 * Name of the rerun: the one that was begun for exactly these Trials and is not through (so that a command that was interrupted goes on, and
 * one that is given twice does nothing twice), else the first `<run>-r<number>` after the run's own number that no run has.
 */
function chooseName(
  source: string,
  {
    selection,
    count,
    earlier,
    taken,
  }: { selection: string; count: number; earlier: readonly EarlierRerun[]; taken: ReadonlySet<string> },
): string {
  const begun = earlier.find((one) => one.selection === selection && (one.open > 0 || one.trials < count));
  if (begun) return begun.run;
  let number = numbered(source).number + 1;
  while (taken.has(rerunName(source, number))) number += 1;
  return rerunName(source, number);
}

interface RerunOptions {
  /** The run that is repeated. */
  source: string;
  /** The new one. */
  run: string;
  selection: string;
  /** Names of TaskBuilds that are the source run's own. */
  ownBuilds: ReadonlySet<string>;
}

/** The Trial that does the same once more; its name is the same however often it is asked for. */
function rerunTrial(trial: Trial, options: RerunOptions): Trial {
  const { source, run, selection } = options;
  const { name, namespace = '' } = trial.metadata;
  return {
    apiVersion: API_VERSION,
    kind: 'Trial',
    metadata: {
      name: rerunTrialName(name, run),
      namespace,
      labels: { [LABEL.run]: run },
      annotations: { [RERUN.run]: source, [RERUN.trial]: name, [RERUN.selection]: selection },
    },
    spec: specOf(trial.spec, options),
  };
}

const HASH = /-[0-9a-f]{10}$/;

const rerunTrialName = (name: string, run: string): string =>
  `${bounded(name.replace(HASH, ''), 41)}-${sha256(JSON.stringify([run, name])).slice(0, 10)}`;

function specOf(spec: TrialSpec, options: RerunOptions): TrialSpec {
  const { source, run, ownBuilds } = options;
  const secrets = { from: secretObjectName(source), to: secretObjectName(run) };
  const { environment, agent, verifier } = spec;
  const { buildRef } = environment;
  const own = buildRef && ownBuilds.has(buildRef.name);
  return {
    ...spec,
    run,
    suspend: false,
    cancel: false,
    environment: {
      ...environment,
      ...moved(environment.env, secrets),
      ...(own && { buildRef: { name: rerunBuildName(buildRef.name, run) } }),
    },
    agent: { ...agent, ...moved(agent.env, secrets) },
    verifier: { ...verifier, ...moved(verifier.env, secrets) },
  };
}

/** Variables out of the source run's Secret come out of the new run's: the source may be deleted. */
const moved = (env: EnvVar[] | undefined, { from, to }: { from: string; to: string }): { env?: EnvVar[] } =>
  env
    ? {
        env: env.map((variable) =>
          variable.secretKeyRef?.name === from
            ? { ...variable, secretKeyRef: { ...variable.secretKeyRef, name: to } }
            : variable,
        ),
      }
    : {};

/** Whether any variable of the Trials comes out of that Secret. */
const needsSecret = (trials: readonly Trial[], secret: string): boolean =>
  trials.some(({ spec: { environment, agent, verifier } }) =>
    [environment.env, agent.env, verifier.env]
      .flat()
      .some((variable) => variable?.secretKeyRef?.name === secret),
  );

const rerunBuildName = (build: string, run: string): string => buildObjectName(run, build);

/** The source run's own build for the new run. Not forced: where the image was made, it is taken. */
const rerunBuild = ({ metadata, spec }: TaskBuild, run: string): TaskBuild => ({
  apiVersion: API_VERSION,
  kind: 'TaskBuild',
  metadata: {
    name: rerunBuildName(metadata.name, run),
    namespace: metadata.namespace ?? '',
    labels: { [LABEL.run]: run },
  },
  spec: { ...spec, force: false, cancelled: false },
});
