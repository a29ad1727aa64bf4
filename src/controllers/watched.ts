/** What the operator watches: controllers and broker read from these caches. */
import { Sandbox, TaskBuild, Trial } from '../crds/kinds.ts';
import { withOwnMarks } from '../crds/marks.ts';
import { ANNOTATION, LABEL } from '../crds/names.ts';
import { namespaceRules, UID_RANGE, type NamespaceRules } from '../crds/namespace-rules.ts';
import { keyOf, keyString } from '../kube/cache/cache.ts';
import { Job, Namespace, NetworkPolicy, Pod } from '../kube/kinds.ts';
import { feed, Operator, type OperatorOptions } from '../kube/operator.ts';
import { byControllerUid } from '../pods/ownership.ts';
import { byRun } from './runs/known.ts';
import { byNamespace } from './network/controller.ts';
import { bySlot } from './task-build/queue.ts';
import { byTaskBuild, keptOf } from './trial/ended.ts';
import { byAsker } from './trial/program.ts';

const OF_TRIALS = {
  labelSelector: LABEL.trial,
  indexers: { owner: byControllerUid },
  transform: withOwnMarks,
};

const OF_SANDBOXES = {
  labelSelector: `${LABEL.attempt},!${LABEL.trial}`,
  indexers: { owner: byControllerUid },
  transform: withOwnMarks,
};

export interface WatchingOptions extends OperatorOptions {
  /** A namespace without the annotation `sb.abundant.ai/task-prefixes` may read no task. */
  requireTaskPrefixes: boolean;
}

const now = (): Date => new Date();

/** An operator with the caches, and nothing that is done about them yet. */
export abstract class WatchingOperator extends Operator {
  readonly #requirePrefixes: boolean;

  constructor({ requireTaskPrefixes, ...options }: WatchingOptions) {
    super(options);
    this.#requirePrefixes = requireTaskPrefixes;
  }

  readonly trials = this.watch(Trial, {
    indexers: { taskBuild: byTaskBuild, run: byRun, namespace: byNamespace },
    transform: keptOf,
  });
  readonly taskBuilds = this.watch(TaskBuild, {
    indexers: { slot: bySlot, askedBy: byAsker },
    transform: withOwnMarks,
  });
  readonly sandboxes = this.watch(Sandbox, {
    indexers: { namespace: byNamespace },
    transform: (found) => withOwnMarks(found),
  });
  readonly jobs = this.watch(Job, OF_TRIALS);
  readonly pods = this.watch(Pod, OF_TRIALS);
  readonly sandboxJobs = this.watch(Job, OF_SANDBOXES);
  readonly sandboxPods = this.watch(Pod, OF_SANDBOXES);
  readonly namespaces = this.watch(Namespace, { transform: (found) => withOwnMarks(found, [UID_RANGE]) });
  readonly policies = this.watch(NetworkPolicy, { labelSelector: LABEL.network, transform: withOwnMarks });

  /** What controllers and broker read from. */
  get sources() {
    const { trials, taskBuilds, jobs, pods, namespaces, policies, client: kube, rulesOf } = this;
    const { sandboxes, sandboxJobs, sandboxPods } = this;
    const ofSandboxes = { sandboxes, sandboxJobs, sandboxPods };
    const watched = { trials, taskBuilds, jobs, pods, namespaces, policies, ...ofSandboxes };
    return { kube, ...watched, rulesOf, log: this.log, now };
  }

  /** What the admins decided for a namespace; one that the cache does not know yet is asked for, or it would be open for being new. */
  readonly rulesOf = async (name: string): Promise<NamespaceRules> => {
    const key = { namespace: '', name };
    const found = this.namespaces.get(key) ?? (await this.client.get(Namespace, key));
    return namespaceRules(found?.metadata.annotations, { requirePrefixes: this.#requirePrefixes });
  };

  /** The Trial of each Pod that changes. */
  protected trialsOfPods() {
    return feed({
      store: this.pods,
      keys: ({ metadata }) => {
        const name = metadata.annotations?.[ANNOTATION.trialName];
        return name === undefined ? [] : [{ namespace: metadata.namespace ?? '', name }];
      },
    });
  }

  /** The Trials of each namespace whose network policies change. */
  protected trialsOfPolicies() {
    return feed({
      store: this.policies,
      keys: ({ metadata }) => this.trials.by('namespace', metadata.namespace ?? '').map(keyOf),
    });
  }

  /** The Trials that wait for each TaskBuild that changes. */
  protected trialsOfBuilds() {
    return feed({
      store: this.taskBuilds,
      keys: (build) => this.trials.by('taskBuild', keyString(keyOf(build))).map(keyOf),
    });
  }

  /** The Jobs of each Trial that changes. */
  protected jobsOfTrials() {
    return feed({
      store: this.trials,
      keys: ({ metadata }) => this.jobs.by('owner', metadata.uid ?? '').map(keyOf),
    });
  }
}
