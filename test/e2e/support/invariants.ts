/** Watches every Trial of the stories during the whole run, and writes down what must never happen. */
import { isDeepStrictEqual } from 'node:util';
import { conditionOf } from '../../../src/crds/conditions.ts';
import { LABEL } from '../../../src/crds/names.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Job } from '../../../src/kube/kinds.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import type { World } from './world.ts';

/** What stays as it is once it is written. */
function settled({ status }: Trial) {
  const succeeded = conditionOf({ ...(status && { status }) }, 'Succeeded');
  const terminal = succeeded && succeeded.status !== 'Unknown';
  return {
    reward: status?.reward,
    rewards: status?.rewards,
    end: terminal ? `${succeeded.status} ${succeeded.reason}` : undefined,
    finishedAt: status?.finishedAt,
    attempts: (status?.attempts ?? []).filter(({ completionTime }) => completionTime !== undefined),
  };
}

type Settled = ReturnType<typeof settled>;

/** What the operator writes of a Trial in bytes, at most: outputs, logs and tasks never go through the API server. */
const LARGEST = 16 * 1024;

/** The promises: one Job an attempt, terminal is final, a reward never changes, no bulk data at the API server. */
export class Invariants {
  /** One sentence for each breach, which is printed at once. */
  readonly breaches: string[] = [];
  readonly #seen = new Map<string, Settled>();
  readonly #jobs = new Map<string, Set<string>>();

  constructor({ trials, jobs, isOurs }: Pick<World, 'trials' | 'jobs' | 'isOurs'>) {
    const ours = ({ metadata }: KubeObject): boolean => isOurs(metadata.namespace ?? '');
    trials.subscribe(({ type, object }) => type !== 'deleted' && ours(object) && this.#seeTrial(object));
    jobs.subscribe(({ type, object }) => type !== 'deleted' && ours(object) && this.#seeJob(object));
  }

  #seeTrial(trial: Trial): void {
    const { uid = '', namespace, name } = trial.metadata;
    this.#measure(`${namespace}/${name}: status`, trial.status);
    const before = this.#seen.get(uid);
    const now = settled(trial);
    this.#seen.set(uid, now);
    if (!before) return;
    for (const field of ['reward', 'rewards', 'end', 'finishedAt'] as const)
      if (before[field] !== undefined && !isDeepStrictEqual(before[field], now[field]))
        this.#breach(`${namespace}/${name}: ${field} changed`, before[field], now[field]);
    if (!isDeepStrictEqual(now.attempts.slice(0, before.attempts.length), before.attempts))
      this.#breach(`${namespace}/${name}: a closed attempt changed`, before.attempts, now.attempts);
  }

  #seeJob({ metadata, spec }: Job): void {
    const owner = metadata.ownerReferences?.find(({ kind, controller }) => kind === 'Trial' && controller);
    if (!owner) return;
    const attempt = `${metadata.namespace}/${owner.name} (${owner.uid}) attempt ${metadata.labels?.[LABEL.attempt]}`;
    this.#measure(`${attempt}: Job`, spec);
    const uids = this.#jobs.get(attempt) ?? new Set();
    this.#jobs.set(attempt, uids.add(metadata.uid ?? ''));
    if (uids.size > 1) this.#breach(`${attempt} has more than one Job`, ...uids);
  }

  #measure(what: string, written: object | undefined): void {
    const { length } = JSON.stringify(written ?? {});
    if (length > LARGEST) this.#breach(`${what} is large`, length);
  }

  #breach(what: string, ...values: unknown[]): void {
    const breach = `${what}: ${values.map((value) => JSON.stringify(value)).join(' → ')}`;
    this.breaches.push(breach);
    process.stdout.write(`\na promise was broken: ${breach}\n`);
  }
}
