/** What the operator watches: controllers and broker read from these caches. */
import { Sandbox, TaskBuild, Trial } from '../crds/kinds.ts';
import type { Sandbox as SandboxObject } from '../crds/sandbox.ts';
import { withOwnMarks } from '../crds/marks.ts';
import { ANNOTATION, LABEL } from '../crds/names.ts';
import { namespaceRules, ownFolder, UID_RANGE, type NamespaceRules } from '../crds/namespace-rules.ts';
import { keyOf, keyString } from '../kube/cache/cache.ts';
import { Shared } from '../kube/cache/shared.ts';
import { Job, Namespace, NetworkPolicy, Pod } from '../kube/kinds.ts';
import { feed, Operator, type OperatorOptions } from '../kube/operator.ts';
import type { ObjectKey } from '../kube/types.ts';
import { keptJob, keptPod } from '../pods/kept.ts';
import { byControllerUid, controllerOf } from '../pods/ownership.ts';
import { saysMore } from '../pods/reading/job.ts';
import { isOver } from '../pods/reading/state.ts';
import { byOpen, OPEN } from './metrics/standing.ts';
import { byRun } from './runs/known.ts';
import { byNamespace } from './network/controller.ts';
import { poolIndex } from './sandbox/observe.ts';
import { bySlot } from './task-build/queue.ts';
import { byTaskBuild, keptTrial, keysOfOpen } from './trial/ended.ts';
import { byAsker } from './trial/program.ts';

const INDEXERS = { owner: byControllerUid, namespace: byNamespace };
/** Most of what happens to a Trial happens to its Job and its Pod: whoever stands by asks for those that its broker is asked about. */
const OF_TRIALS = { labelSelector: LABEL.trial, indexers: INDEXERS, whileLeading: true };
/** Connections to Sandboxes last, in every replica. */
const OF_SANDBOXES = { labelSelector: LABEL.sandbox, indexers: INDEXERS };

/** Index of Sandboxes by the TaskBuild that makes their image. */
const ofBuild = ({ metadata, status = {} }: SandboxObject): string[] =>
  status.taskBuild === undefined
    ? []
    : [keyString({ namespace: metadata.namespace ?? '', name: status.taskBuild })];

export interface WatchingOptions extends OperatorOptions {
  /** A namespace without the annotation `sb.abundant.ai/task-prefixes` may read no task. */
  requireTaskPrefixes: boolean;
}

const now = (): Date => new Date();

/** An operator with the caches, and nothing that is done about them yet. */
export abstract class WatchingOperator extends Operator {
  readonly #requirePrefixes: boolean;
  readonly #shared = new Shared();

  constructor({ requireTaskPrefixes, ...options }: WatchingOptions) {
    super(options);
    this.#requirePrefixes = requireTaskPrefixes;
  }

  readonly trials = this.watch(Trial, {
    indexers: { taskBuild: byTaskBuild, run: byRun, namespace: byNamespace, open: byOpen },
    transform: keptTrial(this.#shared),
  });
  readonly taskBuilds = this.watch(TaskBuild, {
    indexers: { slot: bySlot, askedBy: byAsker },
    transform: withOwnMarks,
  });
  readonly jobs = this.watch(Job, { ...OF_TRIALS, transform: keptJob(this.#shared) });
  readonly pods = this.watch(Pod, { ...OF_TRIALS, transform: keptPod(this.#shared) });
  readonly sandboxes = this.watch(Sandbox, {
    indexers: { taskBuild: ofBuild, namespace: byNamespace },
    transform: withOwnMarks,
  });
  readonly sandboxJobs = this.watch(Job, {
    ...OF_SANDBOXES,
    indexers: { ...INDEXERS, pool: poolIndex },
    transform: keptJob(this.#shared),
  });
  readonly sandboxPods = this.watch(Pod, { ...OF_SANDBOXES, transform: keptPod(this.#shared) });
  readonly namespaces = this.watch(Namespace, { transform: (found) => withOwnMarks(found, [UID_RANGE]) });
  readonly policies = this.watch(NetworkPolicy, { labelSelector: LABEL.network, transform: withOwnMarks });

  /** What controllers and broker read from. */
  get sources() {
    const { trials, taskBuilds, jobs, pods, namespaces, policies, client: kube, rulesOf } = this;
    const { sandboxes, sandboxJobs, sandboxPods } = this;
    const ofSandboxes = { sandboxes, sandboxJobs, sandboxPods };
    const ofTrials = { trials, taskBuilds, jobs, pods };
    return { kube, ...ofTrials, ...ofSandboxes, namespaces, policies, rulesOf, log: this.log, now };
  }

  /** What the admins decided for a namespace; one that the cache does not know yet is asked for, or it would be open for being new. */
  readonly rulesOf = async (name: string): Promise<NamespaceRules> => {
    const key = { namespace: '', name };
    const found = this.namespaces.get(key) ?? (await this.client.get(Namespace, key));
    return namespaceRules(found?.metadata.annotations, {
      requirePrefixes: this.#requirePrefixes,
      own: ownFolder(found),
    });
  };

  /** The Trial of each Pod that changes. What has ended is put on record before other Trials begin. */
  protected trialsOfPods() {
    return feed({
      store: this.pods,
      sooner: isOver,
      keys: ({ metadata }) => {
        const name = metadata.annotations?.[ANNOTATION.trialName];
        return name === undefined ? [] : this.#unlessEnded({ namespace: metadata.namespace ?? '', name });
      },
    });
  }

  /** The key of a Trial, but for one that is known to have ended. */
  #unlessEnded(key: ObjectKey): ObjectKey[] {
    const trial = this.trials.get(key);
    return trial ? keysOfOpen(trial) : [key];
  }

  /** The Trial of each Job that says something new. */
  protected trialsOfJobs() {
    return feed({
      store: this.jobs,
      matters: saysMore,
      keys: (job) => {
        const { kind, name } = controllerOf(job) ?? {};
        const isOurs = kind === Trial.kind && name !== undefined;
        return isOurs ? this.#unlessEnded({ namespace: job.metadata.namespace ?? '', name }) : [];
      },
    });
  }

  /** The Trials of each namespace whose network policies change, but for those that have ended. */
  protected trialsOfPolicies() {
    return feed({
      store: this.policies,
      keys: ({ metadata: { namespace } }) =>
        this.trials
          .by('open', OPEN)
          .map(keyOf)
          .filter((key) => key.namespace === namespace),
    });
  }

  /** The Trials that wait for each TaskBuild that changes. */
  protected trialsOfBuilds() {
    return feed({
      store: this.taskBuilds,
      keys: (build) => this.trials.by('taskBuild', keyString(keyOf(build))).map(keyOf),
    });
  }

  /** The Sandbox of each Pod that changes, or its pool: whoever has its Job. */
  protected sandboxesOfPods() {
    return feed({
      store: this.sandboxPods,
      keys: (pod) => {
        const { namespace = '' } = pod.metadata;
        const job = this.sandboxJobs.get({ namespace, name: controllerOf(pod)?.name ?? '' });
        const owner = job && controllerOf(job);
        return owner ? [{ namespace, name: owner.name }] : [];
      },
    });
  }

  /** The Sandboxes that wait for each TaskBuild that changes. */
  protected sandboxesOfBuilds() {
    return feed({
      store: this.taskBuilds,
      keys: (build) => this.sandboxes.by('taskBuild', keyString(keyOf(build))).map(keyOf),
    });
  }

  /** The Sandboxes of each namespace whose network policies change. */
  protected sandboxesOfPolicies() {
    return feed({
      store: this.policies,
      keys: ({ metadata }) => this.sandboxes.by('namespace', metadata.namespace ?? '').map(keyOf),
    });
  }

  /** The Jobs of each Trial that changes, if something is to be done about them. */
  protected jobsOfTrials(concerns: (job: Job) => boolean) {
    return feed({
      store: this.trials,
      keys: ({ metadata }) =>
        this.jobs
          .by('owner', metadata.uid ?? '')
          .filter(concerns)
          .map(keyOf),
    });
  }
}
