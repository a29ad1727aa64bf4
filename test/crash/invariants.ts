/** What must hold whatever is killed: checked at every change that the API server takes. */
import { conditionOf } from '../../src/crds/conditions.ts';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../src/crds/kinds.ts';
import { ANNOTATION, LABEL, networkPolicyName, NETWORKS } from '../../src/crds/names.ts';
import type { TrialFailedReason } from '../../src/crds/reasons.ts';
import { isLasting } from '../../src/results/applied.ts';
import { resultsPrefix } from '../../src/results/keys.ts';
import type { TaskBuild } from '../../src/crds/task-build.ts';
import type { Attempt } from '../../src/crds/trial-status.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { Job as JobKind, NetworkPolicy } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import type { ApiServer } from '../support/api-server.ts';
import type { Collection, Recorded } from '../support/api-server/objects.ts';
import { aggregateBreaches } from './aggregates.ts';
import type { World } from './world.ts';

export const isTerminal = (object: Trial | TaskBuild): boolean =>
  ['True', 'False'].includes(conditionOf(object, 'Succeeded')?.status ?? 'Unknown');

const ownerOf = ({ metadata }: KubeObject): string =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid ?? '';

export class Invariants {
  readonly breaches: string[] = [];
  /** Every Trial that ever ended, as it was then, by UID; whatever became of the object. */
  readonly ended = new Map<string, Trial>();
  /** By namespace, name and spec of Trials that ended for good: the reward, if there was one. */
  readonly #outcomes = new Map<string, number | undefined>();
  readonly #trials: Collection;
  /** UIDs of the Jobs that every attempt ever had. */
  readonly #jobs = new Map<string, Set<string>>();
  readonly #policies: Collection;

  constructor(server: ApiServer) {
    this.#policies = server.collection(NetworkPolicy);
    this.#trials = server.collection(TrialKind);
    server.collection(JobKind).watchers.add((change) => this.#onJob(change));
    server.collection(TrialKind).watchers.add((change) => this.#onTrial(change));
    server.collection(TaskBuildKind).watchers.add((change) => this.#onBuild(change));
  }

  #onJob({ type, object: job }: Recorded): void {
    if (type !== 'ADDED') return;
    const attempt = `${ownerOf(job)} attempt ${job.metadata.labels?.[LABEL.attempt]}`;
    const uids = this.#jobs.get(attempt) ?? new Set();
    this.#jobs.set(attempt, uids.add(job.metadata.uid ?? ''));
    if (uids.size > 1) this.breaches.push(`${job.metadata.name} was created ${uids.size} times (${attempt})`);
    this.#expectNew(job);
    for (const name of NETWORKS.map(networkPolicyName))
      if (!this.#policies.objects.has(`${job.metadata.namespace}/${name}`))
        this.breaches.push(`${job.metadata.name} was created before NetworkPolicy ${name}`);
  }

  /** Nothing is run that ended for good before. */
  #expectNew(job: KubeObject): void {
    const trials = [...this.#trials.objects.values()] as Trial[];
    const trial = trials.find(({ metadata }) => metadata.uid === ownerOf(job));
    if (trial && trial.spec.rerun !== 'Always' && this.#outcomes.has(wishOf(trial)))
      this.breaches.push(`${job.metadata.name} was created, though the same ended before`);
  }

  #onTrial({ type, object, before }: Recorded): void {
    if (type !== 'MODIFIED' || !before) return;
    this.breaches.push(...broken(before as Trial, object as Trial));
    if (!isTerminal(before as Trial) && isTerminal(object as Trial)) this.#onEnd(object as Trial);
  }

  #onEnd(trial: Trial): void {
    const { metadata, status } = trial;
    this.ended.set(metadata.uid ?? '', trial);
    if (!isForGood(trial)) return;
    const wish = wishOf(trial);
    if (status?.adopted && this.#outcomes.has(wish) && this.#outcomes.get(wish) !== status.reward)
      this.breaches.push(`${metadata.name} took over ${status.reward}, not ${this.#outcomes.get(wish)}`);
    this.#outcomes.set(wish, status?.reward);
  }

  #onBuild({ type, object, before }: Recorded): void {
    if (type !== 'MODIFIED' || !before) return;
    const [old, now] = [before as TaskBuild, object as TaskBuild];
    if (isTerminal(old) && JSON.stringify(old.status) !== JSON.stringify(now.status))
      this.breaches.push(`TaskBuild ${now.metadata.name} changed after its end`);
  }
}

/** A result, or a failure of the task or the agent. */
function isForGood(trial: Trial): boolean {
  const { status, reason } = conditionOf(trial, 'Succeeded') ?? {};
  return status === 'True' || isLasting(reason as TrialFailedReason);
}

/** What a Trial asks for, under which name. */
function wishOf({ metadata: { namespace, name }, spec }: Trial): string {
  const { suspend: _, cancel: _c, ttlSecondsAfterFinished: _t, rerun: _r, ...lasting } = spec;
  return JSON.stringify([namespace, name, lasting]);
}

/** The generation that was looked at says nothing of what was seen. */
const saidBy = ({ status }: Trial): string =>
  JSON.stringify(status, (key, value: unknown) => (key === 'observedGeneration' ? undefined : value));

/** What one change of a Trial must never do. */
function broken(old: Trial, now: Trial): string[] {
  const { name } = now.metadata;
  const [then, status] = [saidBy(old), saidBy(now)];
  const reward = old.status?.reward;
  const closed = JSON.stringify(closedAttempts(old));
  const kept = JSON.stringify(now.status?.attempts?.slice(0, closedAttempts(old).length) ?? []);
  const rules: [holds: boolean, otherwise: string][] = [
    [!isTerminal(old) || then === status, `changed after its end:\n${then}\n${status}`],
    [reward === undefined || reward === now.status?.reward, `its reward was ${reward}:\n${status}`],
    [kept === closed, `a closed attempt changed:\n${closed}\n${kept}`],
  ];
  return rules.flatMap(([holds, otherwise]) => (holds ? [] : [`${name}: ${otherwise}`]));
}

const closedAttempts = ({ status }: Trial): Attempt[] =>
  (status?.attempts ?? []).filter(({ completionTime }) => completionTime !== undefined);

type Seen = Pick<World, 'trials' | 'kubelet' | 'artifacts' | 'pushed' | 'invariants'>;

/** Everything that is not as it must be once a world is at rest. */
export async function breaches(world: Seen): Promise<string[]> {
  const { trials, kubelet, pushed, invariants } = world;
  const untrue = await Promise.all(trials.map((trial) => falsehoods(world, trial)));
  const aggregated = await aggregateBreaches(world.artifacts, invariants.ended);
  const twice = pushed.filter((image, index) => pushed.indexOf(image) !== index);
  return [
    ...invariants.breaches,
    ...unfinished(trials, kubelet),
    ...untrue.flat(),
    ...aggregated,
    ...twice.map((image) => `${image} was built again`),
  ];
}

function unfinished(trials: Trial[], { alive, unfinished: jobs }: Seen['kubelet']): string[] {
  const open = trials.filter((trial) => !isTerminal(trial));
  const names = new Set(open.map(({ metadata }) => metadata.name));
  const uids = new Set(open.map(({ metadata }) => metadata.uid));
  const left = [
    ...alive.filter(({ metadata }) => !names.has(metadata.annotations?.[ANNOTATION.trialName] ?? '')),
    ...jobs.filter((job) => !uids.has(ownerOf(job))),
  ];
  return [
    ...open.map(({ metadata, status }) => `${metadata.name} never ended: ${JSON.stringify(status)}`),
    ...left.map(({ kind, metadata }) => `${kind} ${metadata.name} still runs, though its Trial has ended`),
  ];
}

/** Whether the Trial ended without waiting for its courier's word. */
const gaveUp = ({ status }: Trial): boolean =>
  ['Cancelled', 'NodeLost'].includes(status?.attempts?.at(-1)?.reason ?? '');

/** Rewards that are not what the courier said, and results that do not lie where they should. */
async function falsehoods(world: Seen, trial: Trial): Promise<string[]> {
  if (!isTerminal(trial)) return [];
  return [...falseReward(world, trial), ...(await falseResult(world, trial))];
}

function falseAdoption({ ended }: Invariants, { metadata, status = {} }: Trial, uid: string): string[] {
  const ran = ended.get(uid);
  if (ran && ran.status?.reward === status.reward) return [];
  return [`${metadata.name}: took over ${status.reward}, but ${uid} had ${ran?.status?.reward}`];
}

function falseReward({ kubelet, invariants }: Seen, trial: Trial): string[] {
  const { reward, jobName = '', adopted } = trial.status ?? {};
  if (adopted) return falseAdoption(invariants, trial, adopted.uid);
  const said = kubelet.said.get(jobName)?.result;
  const truth = said?.kind === 'rewarded' ? said.reward : undefined;
  if (reward === truth || (reward === undefined && gaveUp(trial))) return [];
  return [`${trial.metadata.name}: reward ${reward}, but the courier of ${jobName} said ${truth}`];
}

async function falseResult({ artifacts }: Seen, trial: Trial): Promise<string[]> {
  const { name } = trial.metadata;
  const stored = await artifacts.get(`${resultsPrefix(trial)}result.json`, 1e6);
  if (!stored) return [`${name}: there is no result.json`];
  const result = JSON.parse(new TextDecoder().decode(stored)) as { verifier_result: object | null };
  const written = JSON.stringify(result.verifier_result);
  const { rewards } = trial.status ?? {};
  const recorded = JSON.stringify(rewards ? { rewards } : null);
  return written === recorded ? [] : [`${name}: result.json has ${written}, the Trial ${recorded}`];
}
