/** Trials of a run once more, as a run of its own: with their agents (`sb run rerun`), or without (`sb run regrade`). */
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
import { eachTrial, runOf, trialsOf } from '../find/runs.ts';
import { byText } from '../../../text/figures.ts';
import type { EnvVar } from '../../../crds/environment.ts';

const PARALLEL = 32;

/** In which way. */
export interface Manner {
  /** What annotations and messages call it. */
  word: 'rerun' | 'regrade';
  /** The new run is called `<run>-<letter><number>`. */
  letter: string;
  /** What else there is to it, beside the Trials: the same again is begun only once. */
  detail?: string;
  /** The spec of the new Trial, out of that of the old one with the Secret and the builds of the new run. */
  specOf: (spec: TrialSpec, trial: Trial) => TrialSpec;
}

export interface RepeatWish {
  /** Full name of the run that the Trials are of. */
  source: string;
  /** Not empty. */
  selected: readonly Trial[];
  manner: Manner;
  /** Default: see `Manner.letter`. */
  runName?: string | undefined;
  signal: AbortSignal;
}

/** Creates what the new run lacks. Throws SB-E092 where what the Trials need is gone. */
export async function repeat(
  session: Session,
  { source, selected, manner, runName, signal }: RepeatWish,
): Promise<Rerun> {
  const { namespace } = session;
  const selection = selectionHash(selected, manner);
  const run =
    runName === undefined
      ? chooseName(source, {
          manner,
          selection,
          count: selected.length,
          ...(await runsSoFar(session, source, manner)),
        })
      : checkRunName(runName);
  const builds = await buildsOf(session, { source, selected });
  const ownBuilds = new Set(builds.map(({ metadata }) => metadata.name));
  const trials = selected.map((trial) => repeated(trial, { source, run, selection, ownBuilds, manner }));
  await copySecret(session, { source, run, trials });
  const there = new Set((await trialsOf(session, run)).map(({ metadata }) => metadata.name));
  const missing = trials.filter(({ metadata }) => !there.has(metadata.name));
  const { clock, random } = session.kubeParts;
  const patiently = { clock, random, signal };
  for (const build of builds)
    await persistently(() => session.kube.apply(TaskBuildKind, repeatedBuild(build, run)), patiently);
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
  manner: Manner,
): Promise<{ earlier: Earlier[]; taken: Set<string> }> {
  const marks = marksOf(manner);
  const taken = new Set<string>();
  const earlier = new Map<string, Earlier>();
  await eachTrial(session, {
    onStart: () => earlier.clear(),
    onTrial: (trial) => {
      const { annotations = {} } = trial.metadata;
      const run = runOf(trial);
      taken.add(run);
      if (annotations[marks.run] !== source) return;
      const selection = annotations[marks.selection] ?? '';
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
  { source, run, trials }: { source: string; run: string; trials: readonly Trial[] },
): Promise<void> {
  const from = secretObjectName(source);
  if (!needsSecret(trials, secretObjectName(run))) return;
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

/** Annotations of a Trial that repeats another: the run it came from, its name, and what was selected together with it. */
const marksOf = ({ word }: Manner) => ({
  run: `${PREFIX}${word}-of-run`,
  trial: `${PREFIX}${word}-of`,
  selection: `${PREFIX}${word}-selection`,
});

/** The same for the same selected Trials: what tells a command that was interrupted from a new one. */
const selectionHash = (trials: readonly Trial[], { detail }: Manner): string =>
  sha256(
    [
      ...trials.map(({ metadata }) => metadata.uid ?? metadata.name).sort(byText),
      ...(detail === undefined ? [] : [detail]),
    ].join('\n'),
  ).slice(0, 16);

/** A run's name without `-r2`, and the 2; 0 where it repeats none. */
function numbered(run: string, { letter }: Manner): { base: string; number: number } {
  const [, base = run, number = '0'] = new RegExp(`^(.+)-${letter}(\\d{1,4})$`).exec(run) ?? [];
  return { base, number: Number(number) };
}

/** `<run>-r<number>`, still a label value. */
function numberedName(run: string, number: number, manner: Manner): string {
  const end = `-${manner.letter}${number}`;
  return `${bounded(numbered(run, manner).base, 63 - end.length)}${end}`;
}

/** What is known of an earlier one. */
interface Earlier {
  run: string;
  selection: string;
  trials: number;
  open: number;
}

interface Choosing {
  manner: Manner;
  selection: string;
  /** Trials that are selected. */
  count: number;
  earlier: readonly Earlier[];
  /** Names of all runs. */
  taken: ReadonlySet<string>;
}

/**
 * Name of the new run: the one that was begun for exactly these Trials and is not through (so that a command that was interrupted goes on, and
 * one that is given twice does nothing twice), else the first `<run>-r<number>` after the run's own number that no run has.
 */
function chooseName(source: string, { manner, selection, count, earlier, taken }: Choosing): string {
  const begun = earlier.find((one) => one.selection === selection && (one.open > 0 || one.trials < count));
  if (begun) return begun.run;
  let { number } = numbered(source, manner);
  do number += 1;
  while (taken.has(numberedName(source, number, manner)));
  return numberedName(source, number, manner);
}

interface Repeating {
  /** The run that is repeated. */
  source: string;
  /** The new one. */
  run: string;
  selection: string;
  /** Names of TaskBuilds that are the source run's own. */
  ownBuilds: ReadonlySet<string>;
  manner: Manner;
}

/** The new Trial; its name is the same however often it is asked for. */
function repeated(trial: Trial, options: Repeating): Trial {
  const { source, run, selection, manner } = options;
  const marks = marksOf(manner);
  const { name, namespace = '' } = trial.metadata;
  return {
    apiVersion: API_VERSION,
    kind: 'Trial',
    metadata: {
      name: repeatedName(name, run),
      namespace,
      labels: { [LABEL.run]: run },
      annotations: { [marks.run]: source, [marks.trial]: name, [marks.selection]: selection },
    },
    spec: manner.specOf(ownSpec(trial.spec, options), trial),
  };
}

const HASH = /-[0-9a-f]{10}$/;

const repeatedName = (name: string, run: string): string =>
  `${bounded(name.replace(HASH, ''), 41)}-${sha256(JSON.stringify([run, name])).slice(0, 10)}`;

/** Out of the run's own Secret and builds. */
function ownSpec(spec: TrialSpec, options: Repeating): TrialSpec {
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
    // Whoever asks for it again does not want what a run of that name left, which may have been deleted.
    rerun: 'Always',
    environment: {
      ...environment,
      ...moved(environment.env, secrets),
      ...(own && { buildRef: { name: repeatedBuildName(buildRef.name, run) } }),
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

const repeatedBuildName = (build: string, run: string): string => buildObjectName(run, build);

/** The source run's own build for the new run. Not forced: where the image was made, it is taken. */
const repeatedBuild = ({ metadata, spec }: TaskBuild, run: string): TaskBuild => ({
  apiVersion: API_VERSION,
  kind: 'TaskBuild',
  metadata: {
    name: repeatedBuildName(metadata.name, run),
    namespace: metadata.namespace ?? '',
    labels: { [LABEL.run]: run },
  },
  spec: { ...spec, force: false, cancelled: false },
});
