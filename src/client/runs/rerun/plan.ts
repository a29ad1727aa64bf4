/** Pure: Trials of a run → the Trials of a new run that do the same again. */
import { byText } from '../../../text/figures.ts';
import { API_VERSION, bounded, LABEL, PREFIX, sha256 } from '../../../crds/names.ts';
import type { EnvVar } from '../../../crds/environment.ts';
import type { TaskBuild } from '../../../crds/task-build.ts';
import type { Trial, TrialSpec } from '../../../crds/trial.ts';
import { buildObjectName, secretObjectName } from '../plan/names.ts';
import { CliError } from '../../failures/error.ts';
import { faultOf } from '../../../crds/reasons.ts';
import { stateOf } from '../../../results/state.ts';
import { errorClasses } from '../errors.ts';

/** On a Trial that repeats another: the run it came from, its name, and what was selected together with it. */
export const RERUN = {
  run: `${PREFIX}rerun-of-run`,
  trial: `${PREFIX}rerun-of`,
  selection: `${PREFIX}rerun-selection`,
} as const;

/** The same for the same selected Trials: what tells a rerun that was interrupted from a new one. */
export const selectionHash = (trials: readonly Trial[]): string =>
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
export interface EarlierRerun {
  run: string;
  selection: string;
  trials: number;
  open: number;
}

/**
 * Name of the rerun: the one that was begun for exactly these Trials and is not through (so that a command that was interrupted goes on, and
 * one that is given twice does nothing twice), else the first `<run>-r<number>` after the run's own number that no run has.
 */
export function chooseName(
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
export function rerunTrial(trial: Trial, options: RerunOptions): Trial {
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
export const needsSecret = (trials: readonly Trial[], secret: string): boolean =>
  trials.some(({ spec: { environment, agent, verifier } }) =>
    [environment.env, agent.env, verifier.env]
      .flat()
      .some((variable) => variable?.secretKeyRef?.name === secret),
  );

const rerunBuildName = (build: string, run: string): string => buildObjectName(run, build);

/** The source run's own build for the new run. Not forced: where the image was made, it is taken. */
export const rerunBuild = ({ metadata, spec }: TaskBuild, run: string): TaskBuild => ({
  apiVersion: API_VERSION,
  kind: 'TaskBuild',
  metadata: {
    name: rerunBuildName(metadata.name, run),
    namespace: metadata.namespace ?? '',
    labels: { [LABEL.run]: run },
  },
  spec: { ...spec, force: false, cancelled: false },
});

type Selects = (trial: Trial) => boolean;

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
};

/**
 * Whether a Trial is selected by any of the wishes: `infra` (lost to cluster, node, builder or store), `error=<reason, exception or class>`
 * in any case, `reward<X` and so on; a Trial without a reward fits no comparison. No wish selects every Trial. Throws SB-E092 for a wish that
 * is none.
 */
export function selectionOf(wishes: readonly string[]): Selects {
  const all = wishes.map(parse);
  return all.length === 0 ? () => true : (trial) => all.some((selects) => selects(trial));
}

function parse(wish: string): Selects {
  const text = wish.trim();
  if (text === 'infra') return isLostToInfrastructure;
  const error = /^error=(.+)$/.exec(text)?.[1];
  if (error !== undefined) return (trial) => namesOf(trial).includes(error.toLowerCase());
  const [, operator = '', limit = ''] = /^reward\s*(<=|>=|<|>|=)\s*(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const compare = COMPARE[operator];
  if (!compare) throw notUnderstood(wish);
  return ({ status }) => status?.reward !== undefined && compare(status.reward, Number(limit));
}

function isLostToInfrastructure(trial: Trial): boolean {
  const { state, reason, message } = stateOf(trial);
  const isLost = state === 'lost' && trial.status?.reward === undefined;
  return isLost && faultOf(reason, message) === 'infrastructure';
}

/** Everything that a Trial's trouble is called. */
function namesOf(trial: Trial): string[] {
  const { reason } = stateOf(trial);
  const names = [reason, trial.status?.exception?.type, ...errorClasses([trial]).map((one) => one.class)];
  return names.flatMap((name) => (name === undefined ? [] : [name.toLowerCase()]));
}

const notUnderstood = (wish: string): CliError =>
  new CliError('SB-E092', {
    what: `cannot tell which Trials --only ${JSON.stringify(wish)} means`,
    why: 'expected infra, error=<reason or exception>, or reward with < <= > >= = and a number',
    fix: `sb run rerun <run> --only 'reward<1'`,
  });
