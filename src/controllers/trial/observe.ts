/** Every read of the Trial controller. Reads come from the watch cache; what the cache cannot know is read live, and only when an action needs it. */
import { OUTCOME_MAX_BYTES } from '../../wire/limits.ts';
import { readStoredOutcome } from '../../wire/outcome.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { identityOf, jobName, LABEL } from '../../crds/names.ts';
import { TRIAL_FILES, trialPrefix } from '../../results/keys.ts';
import type { NamespaceRules, UidRange } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import type { TaskBuild as TaskBuildObject } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient, Log, ObjectKey, Store } from '../../kube/types.ts';
import { type ArtifactStore } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import { isFinished } from '../../crds/conditions.ts';
import { seeImage } from '../../images/see.ts';
import type { ImageSources } from '../../images/see.ts';
import { needs } from './decide.ts';
import type { Answers, AttemptSeen, Observed, Inputs, CompiledTrial, TaskSeen } from './observed.ts';
import { seeJob, seePod, seeRefusal, type AttemptSources } from '../attempts/observe.ts';
import type { Budgets } from '../../budget/standing.ts';
import type { PoliciesSeen } from '../../pods/policies.ts';
import { mayAdopt } from './applied.ts';
import { currentAttempt, hasVanished } from './attempts.ts';
import { imagesOf, imagesWanted } from './images.ts';
import type { InTerm } from './in-term.ts';
import type { Programs } from './program.ts';
import type { AppliedOutcomes } from './record.ts';
import type { AppliedOutcome } from '../../results/applied.ts';
import type { SourceRead } from '../../results/source.ts';
import { isOver } from '../../pods/reading/state.ts';
import { outcomeOf } from '../../pods/reading/courier.ts';
import { seeSource, seeTask, type TaskSources } from './task.ts';
import { rolesOf, type ByRole } from '../../crds/trial-status.ts';
import type { ImageSeen } from '../../images/image.ts';

export interface TrialSources extends TaskSources, AttemptSources, Omit<ImageSources, 'filesOf'> {
  kube: KubeClient;
  trials: Store<Trial>;
  artifacts: ArtifactStore;
  policiesOf: (namespace: string) => PoliciesSeen;
  budgets: Budgets;
  rulesOf: (namespace: string) => Promise<NamespaceRules>;
  programs: Programs;
  applied: Pick<AppliedOutcomes, 'of'>;
  inTerm: Pick<InTerm, 'isUnbegun'>;
  log: Pick<Log, 'warn'>;
  now: () => Date;
}

/** Resolves undefined where there is nothing to decide: no such Trial, one that is being deleted, or one that has ended. */
export async function observe(sources: TrialSources, key: ObjectKey): Promise<Observed | undefined> {
  const trial = sources.trials.get(key);
  if (!trial || trial.metadata.deletionTimestamp !== undefined || isFinished(trial)) return undefined;
  const attempt = await seeAttempt(sources, trial);
  const seen = { ...attempt, ...(await answers(sources, attempt)) };
  return { ...seen, ...present({ taskBuild: seeTaskBuild(sources, seen) }) };
}

async function answers(sources: TrialSources, attempt: AttemptSeen): Promise<Answers> {
  const asked = needs(attempt);
  switch (asked.need) {
    case 'nothing':
      return asked;
    case 'report':
      return seeReport(sources, attempt);
    case 'inputs':
      return seeInputs(sources, attempt);
    default:
      return asked satisfies never;
  }
}

async function seeReport(sources: TrialSources, attempt: AttemptSeen): Promise<Answers> {
  const [outcome, refusal] = await Promise.all([
    outcomeOfAttempt(sources, attempt),
    attempt.job.kind === 'own' ? seeRefusal(sources, { ...attempt, job: attempt.job.job }) : undefined,
  ]);
  return { need: 'report', ...present({ outcome, refusal }) };
}

/**
 * The attempt may have run, and its Job be collected, while no operator was there to put it on the record: then it needs no inputs. The store is
 * not asked about one of which it is certain that it was never begun.
 */
async function seeInputs(sources: TrialSources, attempt: AttemptSeen): Promise<Answers> {
  const reading = readInputs(sources, attempt.trial);
  const [outcome, applied, inputs] = await Promise.all([
    sources.inTerm.isUnbegun(attempt.trial) ? undefined : storedOutcome(sources, attempt),
    seeApplied(sources, attempt.trial, reading),
    reading.then((read) => inputsOf(sources, read)),
  ]);
  if (outcome) return { need: 'report', outcome };
  return applied ? { need: 'applied', applied } : { need: 'inputs', ...inputs };
}

/** What of its inputs a Trial says where to find. */
interface InputsRead {
  task: TaskSeen;
  source?: SourceRead;
  users?: UidRange;
}

async function readInputs(sources: TrialSources, trial: Trial): Promise<InputsRead> {
  const rules = await sources.rulesOf(identityOf(trial).namespace);
  const task = await seeTask(sources, trial, rules);
  const isRegrade = trial.spec.regrade !== undefined && 'compiled' in task;
  const source = isRegrade ? await seeSource(sources, trial, task.compiled) : undefined;
  return { task, ...present({ source, users: rules.users }) };
}

/** Of a task in the bucket the spec says all, and nobody has to wait for it. */
async function seeApplied(
  { applied }: TrialSources,
  trial: Trial,
  reading: Promise<InputsRead>,
): Promise<AppliedOutcome | undefined> {
  if (!mayAdopt(trial)) return undefined;
  if (trial.spec.task.s3 && !trial.spec.regrade) return applied.of(trial, {});
  const { task, source } = await reading;
  const regraded = source?.kind === 'found' ? source.uri : undefined;
  return applied.of(trial, present({ taskContent: task.taskContent, regraded }));
}

/** The task, and then its images, which the task may name. */
async function inputsOf(sources: TrialSources, { task, source, users }: InputsRead): Promise<Inputs> {
  if ('taskFault' in task) return task;
  if (source?.kind === 'faulty')
    return { taskFault: { reason: source.reason, message: source.message }, ...task };
  return { ...task, images: await seeImages(sources, task.compiled), ...present({ users, source }) };
}

async function seeAttempt(sources: TrialSources, trial: Trial): Promise<AttemptSeen> {
  const { recorded, attempt } = currentAttempt(trial);
  // The status knows a Job that the cache does not: only the API server can say whether it is gone.
  const name = jobName(trial.metadata.name, attempt);
  const job = await seeJob(sources, { owner: trial, name, live: recorded !== undefined });
  const pods = job.kind === 'own' ? await seePod(sources, job.job, LABEL.trial) : {};
  const { namespace } = identityOf(trial);
  const policies = sources.policiesOf(namespace);
  const budget = sources.budgets.of(namespace);
  return { trial, attempt, job, policies, budget, now: sources.now(), ...pods, ...present({ recorded }) };
}

async function seeImages(sources: TrialSources, trial: CompiledTrial): Promise<ByRole<ImageSeen>> {
  const filesOf = (configMap: ObjectKey) => sources.kube.get(ConfigMap, configMap);
  const asked = rolesOf(imagesWanted(trial)).map(
    async ([role, wanted]) => [role, await seeImage({ ...sources, filesOf }, wanted)] as const,
  );
  const [program, ...images] = await Promise.all([sources.programs.see(sources, trial), ...asked]);
  return { ...(Object.fromEntries(images) as ByRole<ImageSeen>), ...present({ program }) };
}

/** Its result tells where the image comes from. */
function seeTaskBuild(
  { taskBuilds }: TrialSources,
  seen: AttemptSeen & Answers,
): TaskBuildObject | undefined {
  const { namespace } = identityOf(seen.trial);
  const agent = imagesOf(seen).find(({ role }) => role === 'agent');
  const name = agent?.taskBuild ?? seen.trial.status?.taskBuild;
  return name === undefined ? undefined : taskBuilds.get({ namespace, name });
}

/** What the courier said of an attempt that was begun. Where the Pod ended without a word, or is gone, what the courier stored last tells the same. */
async function outcomeOfAttempt(sources: TrialSources, seen: AttemptSeen): Promise<Outcome | undefined> {
  const { pod, attempt } = seen;
  const told = pod && outcomeOf(pod, attempt);
  if (told) return withSteps(sources, seen, told);
  const isSilent = pod ? isOver(pod) : hasVanished(seen);
  return isSilent ? storedOutcome(sources, seen) : undefined;
}

/** The message has no room for steps: they are in the object whose digest it names. */
async function withSteps(sources: TrialSources, seen: AttemptSeen, told: Outcome): Promise<Outcome> {
  const sha256 = told.stored?.outcomeSha256;
  if (!told.steps || sha256 === undefined) return told;
  const { steps = told.steps } = (await storedOutcome(sources, seen, sha256)) ?? {};
  return { ...told, steps };
}

async function storedOutcome(
  sources: TrialSources,
  { trial, attempt }: AttemptSeen,
  sha256?: string,
): Promise<Outcome | undefined> {
  if (!trial.spec.uploadResults) return undefined;
  const contents = await outcomeFile(sources, trial);
  return contents && readStoredOutcome(contents, { uid: identityOf(trial).uid, attempt, sha256 });
}

/** One that is too large to be the courier's is as good as none. */
async function outcomeFile({ artifacts, log }: TrialSources, trial: Trial): Promise<Uint8Array | undefined> {
  const key = `${trialPrefix(trial)}${TRIAL_FILES.outcome}`;
  try {
    return await artifacts.get(key, OUTCOME_MAX_BYTES);
  } catch (error) {
    if (!(error instanceof ProviderError) || error.reason !== 'TooLarge') throw error;
    log.warn({ key, maxBytes: OUTCOME_MAX_BYTES }, 'outcome too large, not read');
    return undefined;
  }
}
