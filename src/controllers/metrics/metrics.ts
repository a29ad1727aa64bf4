/**
 * The metrics of Trials, TaskBuilds and Sandboxes. All replicas see the same objects, so the leader alone tells of them: what there is, whenever
 * it is asked, and what happens while it leads. What happened before this process led is not counted, and nothing is counted twice.
 */
import type { Registry } from 'prom-client';
import { Lru } from '../../async/lru.ts';
import { AGENT_FAILURES } from '../../crds/agent-failures.ts';
import { identityOf } from '../../crds/names.ts';
import { BUILD_DONE, BUILD_FAILED, TRIAL_DONE, TRIAL_FAILED } from '../../crds/reasons.ts';
import { SANDBOX_LOST, SANDBOX_STOPPED } from '../../crds/sandbox-reasons.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import type { KubeObject } from '../../kube/types.ts';
import { counter, gauge, histogram } from '../../metrics/table.ts';
import { toBuild, toSandbox, toTrial } from './happened.ts';
import type { Step, TrialEnd, TrialWork } from './happened.ts';
import { agentLabel, FirstValues, listed } from './labels.ts';
import { buildStanding, OPEN, sandboxStanding, trialStanding } from './standing.ts';

export interface MetricsDeps {
  metrics: Registry;
  /** Indexed by `open`: `byOpen`. */
  trials: WatchedStore<Trial>;
  taskBuilds: WatchedStore<TaskBuild>;
  sandboxes: WatchedStore<Sandbox>;
  /** Whether this process leads now. */
  leading: () => boolean;
  now: () => Date;
  /** Hears of each Trial that ends while this process leads, once. */
  onEnd?: ((trial: Trial) => void) | undefined;
}

/** A list from an API server that is behind shows objects as they were a moment ago, and what happened to them happens again. */
const REMEMBERED = 20_000;

interface Tally extends MetricsDeps {
  namespaces: FirstValues;
}

/** Registers the metrics and keeps them; once a registry. */
export function businessMetrics(deps: MetricsDeps): void {
  const tally: Tally = { ...deps, namespaces: new FirstValues() };
  standing(tally);
  trialsHappening(tally);
  buildsHappening(tally);
  sandboxesHappening(tally);
}

function standing({ metrics, trials, taskBuilds, sandboxes, leading, now, namespaces }: Tally): void {
  const known = <T extends { namespace: string }>(seen: T): T => ({
    ...seen,
    namespace: namespaces.of(seen.namespace),
  });
  const open = () =>
    leading() ? trials.by('open', OPEN).map((trial) => known(trialStanding(trial, now()))) : [];
  gauge(metrics, 'sb_trials', (found) => {
    found.reset();
    for (const { namespace, state, reason } of open()) found.inc({ namespace, state, reason });
  });
  gauge(metrics, 'sb_trial_oldest_seconds', (found) => {
    found.reset();
    for (const [id, all] of Map.groupBy(open(), ({ namespace, state }) => `${namespace}/${state}`)) {
      const [namespace = '', state = ''] = id.split('/');
      found.set(
        { namespace, state },
        all.reduce((most, { seconds }) => Math.max(most, seconds), 0),
      );
    }
  });
  gauge(metrics, 'sb_taskbuilds', (found) => {
    found.reset();
    const builds = leading() ? taskBuilds.list().flatMap((build) => buildStanding(build) ?? []) : [];
    for (const build of builds) found.inc(known(build));
  });
  gauge(metrics, 'sb_sandboxes', (found) => {
    found.reset();
    for (const one of leading() ? sandboxes.list() : []) found.inc(known(sandboxStanding(one)));
  });
}

/** Takes what `read` finds in the changes of a store while this process leads, each once. */
function whatHappens<T extends KubeObject, H extends { id: string }>(
  { leading, now }: Tally,
  store: WatchedStore<T>,
  { read, take }: { read: (step: Step<T>) => H[]; take: (happening: H, object: T) => void },
): void {
  const taken = new Lru<true>(REMEMBERED);
  store.subscribe((change) => {
    if (change.type !== 'modified' || !leading()) return;
    for (const happening of read({ old: change.old, now: change.object, at: now() })) {
      if (taken.get(happening.id)) continue;
      taken.set(happening.id, true);
      take(happening, change.object);
    }
  });
}

const endReason = listed(TRIAL_DONE, TRIAL_FAILED, { Suspended: '' });
const buildEnd = listed(BUILD_DONE, BUILD_FAILED);
const sandboxEnd = listed(SANDBOX_LOST, SANDBOX_STOPPED);

function trialsHappening(tally: Tally): void {
  const { metrics, trials, namespaces, onEnd } = tally;
  const attempts = counter(metrics, 'sb_trial_attempts_total');
  const queue = histogram(metrics, 'sb_trial_queue_seconds');
  const start = histogram(metrics, 'sb_trial_start_seconds');
  const end = trialEnds(metrics);
  whatHappens(tally, trials, {
    read: toTrial,
    take(happening, trial) {
      const namespace = namespaces.of(identityOf(trial).namespace);
      switch (happening.kind) {
        case 'jobCreated':
          return queue.observe({ namespace }, happening.seconds);
        case 'started':
          return start.observe({ namespace }, happening.seconds);
        case 'attemptEnded':
          return attempts.inc({ reason: endReason(happening.reason) });
        case 'ended':
          onEnd?.(trial);
          return end(happening.end, { namespace, agent: agentLabel(trial.spec.agent) });
        default:
          return happening satisfies never;
      }
    },
  });
}

interface Whose {
  namespace: string;
  agent: string;
}

function trialEnds(metrics: Registry): (end: TrialEnd, whose: Whose) => void {
  const finished = counter(metrics, 'sb_trials_finished_total');
  const duration = histogram(metrics, 'sb_trial_duration_seconds');
  const phase = histogram(metrics, 'sb_trial_phase_seconds');
  const finalize = histogram(metrics, 'sb_trial_finalize_seconds');
  const rewards = histogram(metrics, 'sb_trial_reward');
  const used = usage(metrics);
  return ({ result, reason, seconds, work }, whose) => {
    const { namespace } = whose;
    finished.inc({ namespace, result, reason: endReason(reason) });
    duration.observe({ namespace }, seconds);
    if (!work) return;
    for (const [name, took] of work.phases) phase.observe({ namespace, phase: name }, took);
    if (work.finalizeSeconds !== undefined) finalize.observe(work.finalizeSeconds);
    if (work.reward !== undefined) rewards.observe(whose, Math.min(Math.max(0, work.reward), 1));
    used(work, whose);
  };
}

/** What an agent says that it used comes from a tenant's Pod; beyond this it is not believed, so that no sum ever is infinite. */
const TOKENS_MAX = 1e12;
const COST_MAX = 1e6;

const KINDS = [
  ['input', 'inputTokens'],
  ['cached', 'cacheTokens'],
  ['output', 'outputTokens'],
] as const;

const modelFailure = listed(AGENT_FAILURES);

function usage(metrics: Registry): (work: TrialWork, whose: Whose) => void {
  const tokens = counter(metrics, 'sb_trial_tokens_total');
  const cost = counter(metrics, 'sb_trial_cost_usd_total');
  const failures = counter(metrics, 'sb_trial_model_failures_total');
  /** A counter takes nothing else. */
  const addend = (value = 0, most: number): number => (value > 0 ? Math.min(value, most) : 0);
  return ({ usage: used, modelFailure: type }, whose) => {
    for (const [kind, field] of KINDS) tokens.inc({ ...whose, kind }, addend(used[field], TOKENS_MAX));
    cost.inc(whose, addend(used.costUsd, COST_MAX));
    if (type !== undefined) failures.inc({ agent: whose.agent, type: modelFailure(type) });
  };
}

function buildsHappening(tally: Tally): void {
  const { metrics, taskBuilds, namespaces } = tally;
  const finished = counter(metrics, 'sb_taskbuilds_finished_total');
  const queue = histogram(metrics, 'sb_taskbuild_queue_seconds');
  const ran = histogram(metrics, 'sb_taskbuild_seconds');
  whatHappens(tally, taskBuilds, {
    read: toBuild,
    take(happening, build) {
      const namespace = namespaces.of(identityOf(build).namespace);
      if (happening.kind === 'ended') {
        const { result, reason } = happening;
        return finished.inc({ namespace, result, reason: buildEnd(reason) });
      }
      if (happening.queueSeconds !== undefined) queue.observe({ namespace }, happening.queueSeconds);
      return ran.observe({ namespace }, happening.seconds);
    },
  });
}

function sandboxesHappening(tally: Tally): void {
  const { metrics, sandboxes, namespaces } = tally;
  const attempts = counter(metrics, 'sb_sandbox_attempts_total');
  const start = histogram(metrics, 'sb_sandbox_start_seconds');
  whatHappens(tally, sandboxes, {
    read: toSandbox,
    take(happening, sandbox) {
      if (happening.kind === 'attemptEnded') return attempts.inc({ reason: sandboxEnd(happening.reason) });
      const namespace = namespaces.of(identityOf(sandbox).namespace);
      return start.observe({ namespace, from: happening.from }, happening.seconds);
    },
  });
}
