/** What was read of a Trial → why it is where it is, and what to do. */
import {
  TRIAL_ACTIVE,
  TRIAL_DONE,
  TRIAL_FAILED,
  type TrialActiveReason,
  type TrialDoneReason,
  type TrialFailedReason,
} from '../../../crds/reasons.ts';
import { stateOf } from '../../../results/state.ts';
import { STATES } from '../../../results/state-names.ts';
import { lineOf } from '../../runs/follow/line.ts';
import { duration } from '../../../text/figures.ts';
import type { Trial } from '../../../crds/trial.ts';
import { logSources } from '../../logs/logs.ts';
import { inOperatorNamespace, operatorNamespace } from '../../session/client-config.ts';
import { inNamespace, namespaceToSay } from '../../session/namespace.ts';
import type { Session } from '../../session/types.ts';
import { runOf } from '../../runs/find/runs.ts';
import { DONE_ADVICE, FAILED_ADVICE } from './ended.ts';
import type { Explanation } from '../../documents/trial.ts';
import type { Evidence, Explained } from './evidence.ts';
import { gather } from './gather.ts';
import { conditionOf, isFinished } from '../../../crds/conditions.ts';
import { gitOpsTool, keptFor } from '../../../crds/gitops.ts';
import { findingText } from '../../../crds/findings.ts';
import { OPERATOR_LOG } from '../../../installation/names.ts';
import { buildExplained } from './build.ts';
import { podExplained } from './pod.ts';

/**
 * Why a Trial is where it is, and what to do next: reads its build, Job, Pod, node, events and log. What the user may not read is named in
 * `why`. Rejects with an ApiError where the API server does not answer; `signal` ends it.
 */
export async function explain(session: Session, trial: Trial, signal: AbortSignal): Promise<Explanation> {
  const [evidence, installedIn] = await Promise.all([
    gather(session, trial, { sources: logSources(session), signal }),
    operatorNamespace(session),
  ]);
  const told = explainTrial(evidence, namespaceToSay(session));
  return { ...told, next: told.next.map((line) => inOperatorNamespace(line, installedIn)) };
}

/** Pure. `namespace`: what commands have to name, see `namespaceToSay`. */
export function explainTrial(evidence: Evidence, namespace?: string): Explanation {
  const { trial, log, unread } = evidence;
  const { state, reason, message } = stateOf(trial);
  const told = explainedOf(evidence, { reason, message });
  const why = distinct([
    ...told.flatMap((one) => one.why),
    ...tampering(evidence),
    ...downloading(evidence),
    ...kept(evidence),
    ...unread.map((what) => `you may not read ${what}, which might explain more`),
  ]);
  const isSaid = why.some((line) => line.includes(message)) || message === '';
  return {
    trial: trial.metadata.name,
    state,
    reason,
    where: `${state}: ${meaningOf(reason) ?? STATES[state]} (${reason}${isSaid ? '' : `: ${message}`})${since(evidence)}`,
    why,
    next: distinct(
      told.flatMap((one) => one.next).map((line) => inNamespace(filledIn(line, evidence), namespace)),
    ),
    ...(log && { log }),
  };
}

/** Somebody who expects it to be gone. */
function kept({ trial }: Evidence): string[] {
  const tool = gitOpsTool(trial);
  const isDue = isFinished(trial) && trial.spec.ttlSecondsAfterFinished !== undefined;
  return tool !== undefined && isDue ? [keptFor(tool)] : [];
}

const distinct = (lines: string[]): string[] => [...new Set(lines)];

const has = <K extends string>(table: Record<K, unknown>, reason: string): reason is K =>
  Object.hasOwn(table, reason);

function explainedOf(
  evidence: Evidence,
  { reason, message }: { reason: string; message: string },
): Explained[] {
  if (has<TrialActiveReason>(ACTIVE_ADVICE, reason)) return ACTIVE_ADVICE[reason](evidence);
  if (has<TrialDoneReason>(DONE_ADVICE, reason)) return DONE_ADVICE[reason]({ ...evidence, message });
  if (has<TrialFailedReason>(FAILED_ADVICE, reason)) return FAILED_ADVICE[reason]({ ...evidence, message });
  if (reason === 'Accepted') return accepted(evidence);
  return [
    {
      why: [`this sb does not know the reason ${reason}`],
      next: ['sb version', 'kubectl describe trial <trial>'],
    },
  ];
}

const YOUNG_MS = 10_000;

/** The operator writes a status for what lasts: a Trial that was just made has none, whatever is done for it. */
function accepted(evidence: Evidence): Explained[] {
  if (evidence.job) return ACTIVE_ADVICE.Pending(evidence);
  if (evidence.now.getTime() - lineOf(evidence.trial).createdAt < YOUNG_MS)
    return [{ why: ['it was created a moment ago'], next: ['look again in a few seconds'] }];
  return [
    {
      why: ['the operator has not looked at it yet'],
      next: ['sb doctor    (is the operator up?)', 'kubectl -n sb-system get pods'],
    },
  ];
}

function meaningOf(reason: string): string | undefined {
  if (has<TrialActiveReason>(TRIAL_ACTIVE, reason)) return TRIAL_ACTIVE[reason];
  if (has<TrialDoneReason>(TRIAL_DONE, reason)) return TRIAL_DONE[reason];
  return has<TrialFailedReason>(TRIAL_FAILED, reason) ? TRIAL_FAILED[reason].means : undefined;
}

function since({ trial, now }: Evidence): string {
  const { endedAt, createdAt } = lineOf(trial);
  if (endedAt !== undefined)
    return `, ${duration(now.getTime() - endedAt)} ago, after ${duration(endedAt - createdAt)}`;
  return `, ${duration(now.getTime() - createdAt)} after its creation`;
}

function tampering({ trial: { status } }: Evidence): string[] {
  const { verdict, findings = [] } = status?.integrity ?? {};
  const said = findings.map(findingText).join('; ');
  if (verdict === 'Suspicious') return [`its result is suspicious: ${said}`];
  return verdict === 'Unknown' ? [`whether its result is honest is unknown: ${said}`] : [];
}

const downloading = ({ download }: Evidence): string[] =>
  download === undefined
    ? []
    : [`the tests could not download something, which may be all that is wrong: ${download}`];

/** The names in place of `<trial>`, `<run>` and so on, as far as they are known. */
function filledIn(line: string, { trial, job, pod }: Evidence): string {
  const { reason } = stateOf(trial);
  const names: Record<string, string | undefined> = {
    '<trial>': trial.metadata.name,
    '<run>': runOf(trial) || undefined,
    '<job>': job?.metadata.name ?? trial.status?.jobName,
    '<pod>': pod?.metadata.name ?? trial.status?.podName,
    '<reason>': reason,
    '<namespace>': trial.metadata.namespace,
  };
  return line.replace(/<[a-z]+>/g, (mark) => names[mark] ?? mark);
}

type Advice = (evidence: Evidence) => Explained[];

const say =
  (why: string, ...next: string[]): Advice =>
  () => [{ why: [why], next }];

/** What was found wrong with Job and Pod; nothing wrong is said so. */
const ofPod =
  (fine: string, ...next: string[]): Advice =>
  (evidence) => {
    const found = podExplained(evidence);
    return found.length > 0 ? found : [{ why: [fine], next }];
  };

const ACTIVE_ADVICE: Record<TrialActiveReason, Advice> = {
  Pending: (evidence) =>
    evidence.job
      ? ofPod(
          'the cluster has not created the Pod yet',
          'wait a few seconds',
          'kubectl describe job <job>',
        )(evidence)
      : [
          {
            why: ['the operator has accepted it and comes to it next'],
            next: ['wait a few seconds', 'sb doctor    (if it stays so: is the operator up?)'],
          },
        ],
  Suspended: say(
    'spec.suspend is true',
    `kubectl patch trial <trial> --type=merge -p '{"spec":{"suspend":false}}'`,
  ),
  BuildingImage: ({ build }) => [
    buildExplained(build) ?? {
      why: ['its image is being built'],
      next: ['sb trial logs <trial> --phase build -f'],
    },
  ],
  RegistryUnavailable: say(
    'the registry does not answer the operator, which asks again and again',
    'sb doctor',
    OPERATOR_LOG,
  ),
  NetworkPending: say(
    'the operator makes the NetworkPolicies of the namespace before the first Pod',
    'kubectl get networkpolicies',
    OPERATOR_LOG,
  ),
  BudgetExceeded: say(
    'nothing is started, and what ran was ended after the grace period; nothing is lost: it goes on by itself',
    'sb cloud researcher budget <namespace> --monthly <dollars>    (an admin’s to say)',
    'sb trial cancel <trial>    (if it is not to wait for that)',
  ),
  HeldByQueue: ofPod(
    'a queue (Kueue) has not admitted its Job when it was last seen',
    'kubectl get workloads,localqueues    (is there quota left in the queue?)',
  ),
  Unschedulable: ofPod('no node had room when it was last seen', 'kubectl describe pod <pod>'),
  PullingImage: ofPod('the kubelet pulls the image; large ones take minutes', 'kubectl describe pod <pod>'),
  Running: (evidence) => [...runningWhere(evidence), ...podExplained(evidence)],
  Retrying: (evidence) => [afterAttempt(evidence)],
  Stopping: ({ trial }) => [
    {
      why: [
        trial.spec.cancel
          ? 'it was cancelled; its Pod stores what there is'
          : 'its Pod is being ended and stores what there is',
      ],
      next: ['wait: this takes up to 45 s'],
    },
  ],
};

/** Which phase runs, as far as conditions and the courier's timeline tell. */
function runningWhere({ trial, log, now }: Evidence): Explained[] {
  const started = conditionOf(trial, 'Started')?.lastTransitionTime;
  const minutes = started === undefined ? 0 : Math.floor((now.getTime() - Date.parse(started)) / 60_000);
  const phase = log?.lines.flatMap((line) => /(\w+) began$/.exec(line)?.[1] ?? []).at(-1);
  const limit = phase === 'verifier' ? trial.spec.verifier.timeoutSeconds : trial.spec.agent.timeoutSeconds;
  return [
    {
      why: [
        `its phases run since ${minutes < 1 ? 'less than a minute' : `${minutes} min`}${phase === undefined ? '' : `; the latest that began: ${phase}`}`,
        limit === undefined
          ? 'its time limit is that of task.toml, if there is one'
          : `the limit of this phase is ${limit} s`,
      ],
      next: ['sb trial logs <trial> -f', 'sb trial debug <trial>    (a shell in its container)'],
    },
  ];
}

function afterAttempt({ trial: { spec, status } }: Evidence): Explained {
  const { number = 1, reason = '', message = '', nodeName } = status?.attempts?.at(-1) ?? {};
  const ended = `attempt ${number} of at most ${spec.maxAttempts} was ended by infrastructure: ${reason}: ${message}`;
  const again = 'the operator retries';
  if (nodeName === undefined) return { why: [ended], next: [again] };
  return { why: [ended, `it ran on node ${nodeName}`], next: [again, `kubectl describe node ${nodeName}`] };
}
