/** `sb doctor --scale-test`: as many Pods at once as a run would make, to see which nodes come for them, how long that takes, and whether they go again. */
import { randomBytes } from 'node:crypto';
import { sleep, systemClock } from '../../../async/clock.ts';
import { OPERATOR } from '../../../installation/names.ts';
import { Job, Node, Pod, StatefulSet } from '../../../kube/kinds.ts';
import type { KubeClient } from '../../../kube/types.ts';
import type { CheckResult } from '../../documents/cluster.ts';
import { CliError } from '../../failures/error.ts';
import { explain } from '../../failures/explain.ts';
import { operatorNamespace } from '../../session/client-config.ts';
import type { Session } from '../../session/types.ts';
import { autoscalerOf } from '../doctor/autoscaling.ts';
import { failed, type Found } from '../doctor/check.ts';
import { scaleJob, LIFE_SECONDS } from './job.ts';
import {
  isSettled,
  judgeGoing,
  judgeScaling,
  newNodes,
  placed,
  type Adds,
  type Moment,
  type Outcome,
} from './judge.ts';

export interface ScaleOptions {
  /** How many Pods. */
  pods: number;
  /** Shows a line of progress. */
  say: (line: string) => void;
  /** Stops it; what it made is taken away all the same. */
  signal: AbortSignal;
  /** For tests: resolves after so many milliseconds, or when the signal fires. */
  sleep?: (ms: number) => Promise<void>;
  /** For tests: milliseconds that never jump. */
  monotonic?: () => number;
}

type Timed = Required<ScaleOptions>;

const LOOK_MS = 1_000;
/** A node takes a minute or two; one that has not come by then does not come. */
const COMING_MS = 10 * 60_000;
/** `sb cloud init` has empty nodes go after a minute, and EKS takes some to end an instance. */
const GOING_MS = 15 * 60_000;

const CHECK = { name: 'scale-test', subject: 'how nodes come and go' } as const;

/** What it finds, as a check does. Throws only where it is interrupted. */
export async function scaleTest(session: Session, options: ScaleOptions): Promise<CheckResult[]> {
  try {
    const timed: Timed = {
      sleep: (ms) => sleep(systemClock, ms, options.signal),
      monotonic: () => systemClock.monotonic(),
      ...options,
    };
    return (await tested(session, timed)).map((found) => ({ check: CHECK.name, ...found }));
  } catch (error) {
    if (options.signal.aborted) throw error;
    return [{ check: CHECK.name, ...failed(CHECK, error) }];
  }
}

async function tested(session: Session, options: Timed): Promise<Found[]> {
  const { kube, namespace } = session;
  const { pods, say, signal } = options;
  const [adds, nodes, image] = await Promise.all([
    autoscalerOf(kube).then(({ kind }) => kind),
    kube.list(Node),
    operatorImage(session),
  ]);
  const before = new Set(nodes.map(({ metadata }) => metadata.name));
  const name = `sb-scale-test-${randomBytes(4).toString('hex')}`;
  signal.throwIfAborted();
  const key = { namespace, name };
  let outcome: Outcome;
  try {
    // Inside: an answer that is lost may have made it.
    const made = await kube.create(Job, scaleJob({ name, namespace, pods, image }));
    const askedAt = Date.parse(made.metadata.creationTimestamp ?? '') || session.now().getTime();
    say(`scale test: Job ${name} in namespace ${namespace}, ${pods} Pods; Ctrl-C takes them away`);
    const seen = await watched(kube, key, { ...options, adds });
    outcome = { pods, adds, before, askedAt, ...seen };
  } finally {
    await takeAway(kube, key, say);
  }
  return [...judgeScaling(outcome), ...(await gone(kube, outcome, options))];
}

interface Key {
  namespace: string;
  name: string;
}

/** Looks until nothing more is to be expected. */
async function watched(
  kube: KubeClient,
  { namespace, name }: Key,
  { pods, adds, say, signal, sleep: wait, monotonic }: Timed & { adds: Adds },
): Promise<{ last: Moment; tookMs: number }> {
  const began = monotonic();
  const ofJob = { namespace, labelSelector: `batch.kubernetes.io/job-name=${name}`, limit: 2 * pods };
  let told = '';
  for (;;) {
    const [found, nodes] = await Promise.all([kube.list(Pod, ofJob), kube.list(Node)]);
    const last = { pods: found, nodes };
    const tookMs = monotonic() - began;
    const line = `scale test: ${placed(last).length} of ${pods} Pods have a node, of ${nodes.length} nodes`;
    if (line !== told) say(line);
    told = line;
    if (isSettled(last, { pods, adds }) || tookMs > COMING_MS) return { last, tookMs };
    await wait(LOOK_MS);
    signal.throwIfAborted();
  }
}

/** Its Pods go with it. Never throws: what was seen is worth more, and the cluster deletes the Job in any case. */
async function takeAway(kube: KubeClient, key: Key, say: ScaleOptions['say']): Promise<void> {
  try {
    await kube.delete(Job, key, { propagation: 'Background' });
    say(`scale test: Job ${key.name} is deleted`);
  } catch (error) {
    const { why } = explain(error);
    say(
      `scale test: Job ${key.name} is not deleted (${why}); it ends by itself within ${LIFE_SECONDS / 60} minutes`,
    );
  }
}

/** Waits for the nodes that came to go. */
async function gone(
  kube: KubeClient,
  outcome: Outcome,
  { say, signal, sleep: wait, monotonic }: Timed,
): Promise<Found[]> {
  const came = newNodes(outcome).map(({ metadata }) => metadata.name);
  if (came.length === 0) return [];
  const began = monotonic();
  say('scale test: waiting for the new nodes to go; Ctrl-C leaves them to the autoscaler');
  for (;;) {
    const there = new Set((await kube.list(Node)).map(({ metadata }) => metadata.name));
    const left = came.filter((name) => there.has(name));
    const tookMs = monotonic() - began;
    if (left.length === 0 || tookMs > GOING_MS) return judgeGoing(came.length, left, tookMs);
    await wait(LOOK_MS);
    signal.throwIfAborted();
  }
}

/** Nodes can pull it, wherever they may pull from. */
async function operatorImage(session: Session): Promise<string> {
  const key = { namespace: await operatorNamespace(session), name: OPERATOR.name };
  const found = await session.kube.get(StatefulSet, key);
  const image = found?.spec?.template.spec?.containers[0]?.image;
  if (image !== undefined) return image;
  throw new CliError('SB-E008', {
    what: 'the scale test needs an installation',
    why: `its Pods run the operator’s image, and there is no StatefulSet ${key.name} in namespace ${key.namespace}`,
    fix: 'install the operator, or choose another --context',
  });
}
