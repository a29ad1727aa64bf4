/** `sb trial regrade` and `sb run regrade`: what agents left is judged again, by the same tests or newer ones, as a run of its own. */
import { conditionOf, isFinished } from '../../../crds/conditions.ts';
import { ADHOC_RUN } from '../../../crds/names.ts';
import { present } from '../../../crds/present.ts';
import type { Trial, TrialSpec } from '../../../crds/trial.ts';
import { quoted } from '../../../text/safe.ts';
import type { Regraded } from '../../documents/run.ts';
import type { PushedTask } from '../../documents/task.ts';
import { CliError } from '../../failures/error.ts';
import type { Session } from '../../session/types.ts';
import { runOf, trialsOf } from '../find/runs.ts';
import { resolveTrial } from '../find/trial.ts';
import { runToCopy } from '../mirror/download.ts';
import { selectionOf } from './only.ts';
import { repeat, type Manner } from './repeat.ts';
import { trialOfResults, trialsOfResults } from './stored.ts';

interface RegradeWish {
  /** Stores tasks with newer tests, as `pushTasks` does; default: the tasks that the Trials ran. */
  tests?: () => Promise<readonly PushedTask[]>;
  /** Verifiers run in containers of their own, whatever their task says. */
  separate: boolean;
  /** Default: `<run>-g<number>`. */
  runName?: string;
  signal: AbortSignal;
}

export interface RegradeRunWish extends RegradeWish {
  /** As it was typed. A run whose Trials are gone from the cluster has to be named in full. */
  run: string;
  /** `--only`, all of them; none: every Trial that can be regraded. */
  only: readonly string[];
}

/** Creates what the regrade of a run lacks. Throws SB-E090, SB-E091, SB-E092, and what `tests` does. */
export async function regradeRun(
  session: Session,
  { run: wanted, only, ...wish }: RegradeRunWish,
): Promise<Regraded> {
  const selects = selectionOf(only);
  const { run: source, gone } = await runToCopy(session, wanted);
  const all = gone ? await trialsOfResults(session, source) : await trialsOf(session, source);
  if (gone && all.length === 0) throw gone;
  const fitting = all.filter(selects);
  const selected = fitting.filter((trial) => unfitness(trial, wish) === undefined);
  if (selected.length === 0) throw nothingIn(source, fitting, wish);
  const done = await regrade(session, { source, selected }, wish);
  return { ...done, left_out: fitting.length - selected.length };
}

export interface RegradeTrialWish extends RegradeWish {
  /** As it was typed; or the `s3://` URI of the results of one that was deleted. */
  trial: string;
}

/** Creates the regrade of one Trial. Throws as `regradeRun` does. */
export async function regradeTrial(
  session: Session,
  { trial: wanted, ...wish }: RegradeTrialWish,
): Promise<Regraded> {
  const trial = wanted.startsWith('s3://')
    ? await trialOfResults(session, wanted)
    : await resolveTrial(session, wanted);
  const why = unfitness(trial, wish);
  if (why !== undefined) throw unfit(trial.metadata.name, why);
  const source = runOf(trial) || trial.spec.run || ADHOC_RUN;
  return { ...(await regrade(session, { source, selected: [trial] }, wish)), left_out: 0 };
}

async function regrade(
  session: Session,
  { source, selected }: { source: string; selected: readonly Trial[] },
  { tests, separate, runName, signal }: RegradeWish,
) {
  const pushed = await tests?.();
  if (pushed) demandTasks(selected, pushed);
  const ids = (pushed ?? []).map(({ task_id: id }) => id).sort();
  const manner: Manner = {
    word: 'regrade',
    letter: 'g',
    detail: JSON.stringify([ids, separate]),
    specOf: (spec, trial) => specOf(spec, trial, { pushed, separate }),
  };
  return await repeat(session, { source, selected, manner, runName, signal });
}

function demandTasks(selected: readonly Trial[], pushed: readonly PushedTask[]): void {
  const names = new Set(pushed.map(({ name }) => name));
  const missing = selected.find(({ spec }) => !names.has(spec.task.name));
  if (!missing) return;
  throw new CliError('SB-E092', {
    what: `Trial ${missing.metadata.name} cannot be regraded by these tests`,
    why: `it ran the task ${missing.spec.task.name}, and these are of ${[...names].join(', ')}`,
    fix: 'give the folder of that task with --task, or leave --task out',
  });
}

interface Tests {
  pushed: readonly PushedTask[] | undefined;
  separate: boolean;
}

/** Of the agent its names and model alone: it does not run, so that nothing that it needed has to be there. */
function specOf(spec: TrialSpec, { metadata, spec: before }: Trial, { pushed, separate }: Tests): TrialSpec {
  const { name, title, model, setupTimeoutSeconds } = spec.agent;
  const { name: task, dataset } = spec.task;
  const newer = pushed?.find((one) => one.name === task);
  return {
    ...spec,
    ...(newer && {
      task: { name: task, dataset, version: newer.task_version, s3: { uri: newer.s3_task_uri } },
    }),
    agent: { name, setupTimeoutSeconds, ...present({ title, model }) },
    verifier: { ...spec.verifier, disabled: false, ...(separate && { mode: 'Separate' as const }) },
    uploadResults: true,
    // Of one that is known by its results alone this is said already.
    regrade: metadata.uid === undefined && before.regrade ? before.regrade : { trial: metadata.name },
  };
}

type How = Pick<RegradeWish, 'tests' | 'separate'>;

/** Why a Trial cannot be regraded, in words that follow its name; undefined where it can, as far as its object tells. */
function unfitness(trial: Trial, { tests, separate }: How): string | undefined {
  const { status } = trial;
  if (!isFinished(trial)) return 'has not ended';
  return nothingLeft(trial) ?? (!tests && !separate && wasShared(status) ? SHARED : undefined);
}

function nothingLeft(trial: Trial): string | undefined {
  const { spec } = trial;
  const said = (type: string) => conditionOf(trial, type);
  if (!spec.uploadResults) return 'stored no files: uploadResults was false';
  if (said('Uploaded')?.status !== 'True') return 'stored no files';
  if (said('Succeeded')?.reason === 'VerifierObstructed')
    return 'was obstructed by its agent, and its reward of 0 stays';
  return spec.regrade || said('AgentFinished')?.status === 'True' ? undefined : 'ended before its agent did';
}

/** No image was made or found for a verifier. */
const wasShared = ({ images }: NonNullable<Trial['status']> = {}): boolean =>
  images !== undefined && images.every(({ role }) => role === 'agent');

const SHARED =
  'has a shared verifier, of which nothing is left to judge in: where its tests judge by the artifacts alone, give --separate-verifier';

const unfit = (name: string, why: string): CliError =>
  new CliError('SB-E092', {
    what: `Trial ${name} cannot be regraded`,
    why: `it ${why}`,
    fix: `sb trial explain ${quoted(name)}`,
  });

function nothingIn(run: string, fitting: readonly Trial[], wish: How): CliError {
  const [first] = fitting;
  const why = first && `${first.metadata.name} ${unfitness(first, wish)}`;
  return new CliError('SB-E092', {
    what: `no Trial of run ${run} can be regraded`,
    why: why ?? 'none of its Trials fits --only',
    fix: `sb run show ${run}`,
  });
}
