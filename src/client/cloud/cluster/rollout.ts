/** Whether the operator has come up, and if not, why: what its Pods and the kubelet say, and not that a time was over. */
import { holderOf, OPERATOR, OPERATOR_LOG, OPERATOR_SELECTOR } from '../../../installation/names.ts';
import { Event, Lease, Pod, StatefulSet } from '../../../kube/kinds.ts';
import type { KubeClient } from '../../../kube/types.ts';
import { earlierExits } from '../../../pods/reading/cause.ts';
import { podState } from '../../../pods/reading/state.ts';
import { CliError } from '../../failures/error.ts';
import type { CloudContext } from '../steps.ts';
import { waitFor } from './wait.ts';

/** A first node takes two minutes, and its first pull another. */
const LIMIT_MS = 15 * 60_000;
/** A replica that has ended so often does not come up by itself. */
const EXITS = 3;

/** Waits until all replicas are ready and one of them leads. Rejects with SB-E133, at once where waiting is no help. */
export async function operatorReady(kube: KubeClient, cloud: CloudContext, namespace: string): Promise<void> {
  await waitFor(cloud, {
    limitMs: LIMIT_MS,
    look: async () => {
      const still = await missing(kube, namespace);
      return still === undefined ? { done: undefined } : { still };
    },
    late: (still) => failure(still, namespace),
  });
}

/** What is missing, in words; undefined where nothing is. Throws where it never comes. */
async function missing(kube: KubeClient, namespace: string): Promise<string | undefined> {
  const found = await kube.get(StatefulSet, { namespace, name: OPERATOR.name });
  const pods = await kube.list(Pod, { namespace, labelSelector: OPERATOR_SELECTOR });
  if (found && isRolledOut(found))
    return (await leads(kube, namespace, pods)) ? undefined : 'operator: no replica leads yet';
  const hopeless = pods.flatMap((pod) => neverStarts(pod) ?? []).at(0);
  if (hopeless) throw failure(hopeless, namespace);
  return [
    `operator: ${counted(found)} replicas are ready`,
    ...(found && pods.length < (found.spec?.replicas ?? 1) ? await refused(kube, found) : []),
    ...new Set(pods.flatMap((pod) => waitsFor(pod) ?? [])),
  ].join('; ');
}

/** Why its Pods are not made: a policy or a quota. */
async function refused(
  kube: KubeClient,
  { metadata: { namespace = '', uid } }: StatefulSet,
): Promise<string[]> {
  const fieldSelector = `involvedObject.uid=${uid},reason=FailedCreate`;
  const events = await kube.list(Event, { namespace, fieldSelector });
  return events.map(({ message }) => message).slice(-1);
}

const counted = (found: StatefulSet | undefined): string =>
  `${found?.status?.readyReplicas ?? 0} of ${found?.spec?.replicas ?? 0}`;

export function isRolledOut({ metadata, spec, status }: StatefulSet): boolean {
  const { replicas = 1 } = spec ?? {};
  const { observedGeneration = 0, updatedReplicas, readyReplicas, replicas: all } = status ?? {};
  const isSeen = observedGeneration >= (metadata.generation ?? 0);
  return isSeen && [updatedReplicas, readyReplicas, all].every((count) => (count ?? 0) === replicas);
}

async function leads(kube: KubeClient, namespace: string, pods: readonly Pod[]): Promise<boolean> {
  const lease = await kube.get(Lease, { namespace, name: OPERATOR.name });
  return pods.some(({ metadata }) => holderOf(metadata) === lease?.spec?.holderIdentity);
}

/** What a Pod waits for, in the words of whoever it waits for. */
function waitsFor(pod: Pod): string | undefined {
  const state = podState(pod);
  if (state.kind === 'running' && state.held) return `${state.held.reason}: ${state.held.message ?? ''}`;
  if (state.kind !== 'waiting') return undefined;
  if (state.on === 'node') return `no node has room: ${state.message ?? state.why}`;
  if (state.on === 'container') return `${state.held.reason}: ${state.held.message ?? ''}`;
  return undefined;
}

/** Why it is no use to wait for this Pod. */
function neverStarts(pod: Pod): string | undefined {
  const state = podState(pod);
  const held = state.kind === 'waiting' && state.on === 'container' ? state.held : undefined;
  if (held && (held.why === 'ImageUnusable' || held.why === 'ConfigMissing'))
    return `${held.reason}: ${held.message ?? ''}`;
  const often = earlierExits(pod).find(({ restarts }) => restarts >= EXITS);
  return often && `it has ended ${often.restarts} times, at last with ${wordsOf(often.exit)}`;
}

const wordsOf = ({ exitCode, reason, message }: ReturnType<typeof earlierExits>[number]['exit']): string =>
  [`exit code ${exitCode}`, reason, message].filter(Boolean).join(', ');

const failure = (why: string, namespace: string): CliError =>
  new CliError('SB-E133', {
    what: 'the operator does not become ready',
    why,
    fix: `${OPERATOR_LOG.replace(OPERATOR.namespace, namespace)}    (then run the same command again: it goes on from here)`,
  });
