import { ConfigMap, Lease, Pod, StatefulSet } from '../../../kube/kinds.ts';
import {
  CLIENT_CONFIG,
  OPERATOR,
  OPERATOR_SELECTOR,
  podOfHolder,
  KUBECTL,
  OPERATOR_LOG,
} from '../../../installation/names.ts';
import { failed, fine, problem, warning, type Check, type Found, type Patient } from './check.ts';
import { FormerOperator } from '../../../installation/former.ts';
import { APPLY } from '../../../installation/overlays.ts';
import { isForbidden } from '../../../kube/errors.ts';
import { operatorNamespace } from '../../session/client-config.ts';
import type { Session } from '../../session/types.ts';
import { earlierExits } from '../../../pods/reading/cause.ts';
import { podState } from '../../../pods/reading/state.ts';
import type { Waiting } from '../../../pods/reading/waiting.ts';

/** StatefulSet, lease and Pods, each looked at apart: whoever may read one of them learns that much. */
export const operator: Check<Patient> = {
  name: 'operator',
  subject: 'the operator',
  async run({ session, identity }) {
    const { kube, now } = session;
    const namespace = await operatorNamespace(session);
    const key = { namespace, name: OPERATOR.name };
    const selector = { namespace, labelSelector: OPERATOR_SELECTOR };
    const pods = kube.list(Pod, selector);
    const known = pods.catch(() => []);
    // The lease has the operator's time, which is the cluster's rather than ours.
    const ahead = identity().then(
      ({ aheadMs }) => aheadMs,
      () => 0,
    );
    const parts: [subject: string, found: Promise<Found[]>][] = [
      [
        'the operator’s StatefulSet',
        kube
          .get(StatefulSet, key)
          .then(async (found) => judgeStatefulSet(found, { namespace, pods: await known })),
      ],
      [
        'the operator’s lease',
        kube.get(Lease, key).then(async (found) => judgeLease(found, now().getTime() - (await ahead))),
      ],
      ['the operator’s Pods', pods.then((found) => judgeRestarts(found, now()))],
      ['other installations', othersThan(namespace, session)],
      ['earlier versions', former(namespace, session)],
    ];
    const judged = parts.map(([subject, found]) =>
      found.catch((error: unknown) => [failed({ subject }, error)]),
    );
    return (await Promise.all(judged)).flat();
  },
};

/** Two operators would both run every Trial. Only an admin can see them all, and nobody else is to be warned for that. */
async function othersThan(namespace: string, { kube }: Session): Promise<Found[]> {
  const query = { fieldSelector: `metadata.name=${CLIENT_CONFIG}`, limit: 10 };
  const found = await kube.list(ConfigMap, query).catch((error: unknown) => {
    if (isForbidden(error)) return [];
    throw error;
  });
  const others = found
    .filter(({ metadata }) => metadata.name === CLIENT_CONFIG && metadata.namespace !== namespace)
    .map((other) => other.metadata.namespace);
  if (others.length === 0) return [];
  return [
    problem(
      'the cluster has more than one installation',
      `clients use the one in namespace ${namespace}; there is a ConfigMap ${CLIENT_CONFIG} in ${others.join(', ')} too`,
      `remove what is left in namespace ${others.join(', ')}`,
    ),
  ];
}

/** Who applies a newer version by kubectl has to take this away. */
async function former(namespace: string, { kube }: Session): Promise<Found[]> {
  const found = await kube.get(FormerOperator, { namespace, name: OPERATOR.name }).catch((error: unknown) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  if (!found) return [];
  return [
    problem(
      'an operator of an earlier version runs beside this one',
      `that was the Deployment ${OPERATOR.name}, and this one is the StatefulSet of that name in namespace ${namespace}`,
      `${KUBECTL} delete deployment ${OPERATOR.name}`,
    ),
  ];
}

/** Restarts of longer ago are history. */
const RECENT_MS = 3_600_000;

/** Ready replicas; the kubelet asks each for its /readyz every two seconds. */
function judgeStatefulSet(
  statefulSet: StatefulSet | undefined,
  { namespace, pods }: { namespace: string; pods: readonly Pod[] },
): Found[] {
  if (!statefulSet)
    return [
      problem(
        'the operator is not installed',
        `there is no StatefulSet ${OPERATOR.name} in namespace ${namespace}`,
        `${APPLY}    (in a checkout of sb-operator)`,
      ),
    ];
  const { replicas: wanted = 1 } = statefulSet.spec ?? {};
  const { readyReplicas: ready = 0 } = statefulSet.status ?? {};
  return [wanted === 0 ? SWITCHED_OFF : judgeReplicas({ wanted, ready, pods })];
}

const SWITCHED_OFF = problem(
  'the operator is switched off',
  'its StatefulSet is scaled to 0, so no Trial makes progress',
  `${KUBECTL} scale statefulset/${OPERATOR.name} --replicas=2`,
);

interface Replicas {
  wanted: number;
  ready: number;
  pods: readonly Pod[];
}

function judgeReplicas({ wanted, ready, pods }: Replicas): Found {
  const what = `${ready} of ${wanted} replicas of the operator ${ready === 1 ? 'is' : 'are'} ready`;
  if (ready >= wanted) return fine(what);
  const trouble = pods.map(troubleOf).find((one) => one !== undefined);
  return (ready === 0 ? problem : warning)(
    what,
    trouble ?? 'the others have not started yet',
    `${KUBECTL} describe pods -l ${OPERATOR_SELECTOR}; ${OPERATOR_LOG} --tail=50`,
  );
}

/** Why a Pod is not ready, as the scheduler or its kubelet says. */
function troubleOf(pod: Pod): string | undefined {
  const { name } = pod.metadata;
  const state = podState(pod);
  if (state.kind === 'running' && !state.ready)
    return `Pod ${name} runs, but its /readyz fails: it has not read the cluster yet`;
  const words = state.kind === 'waiting' ? wordsOf(state) : undefined;
  return words && `Pod ${name}: ${words}`;
}

function wordsOf(waiting: Waiting): string | undefined {
  switch (waiting.on) {
    case 'node':
      return waiting.message ?? 'not scheduled';
    case 'container':
      return [waiting.held.reason, waiting.held.message].filter(Boolean).join(': ');
    case 'scheduler':
    case 'kubelet':
      return undefined;
    default:
      return waiting satisfies never;
  }
}

/** Somebody leads and says so. `clusterMs`: now, by the cluster's clock. */
function judgeLease(lease: Lease | undefined, clusterMs: number): Found[] {
  const { holderIdentity, renewTime, leaseDurationSeconds = 15 } = lease?.spec ?? {};
  const nobody = (why: string): Found[] => [
    problem('no operator leads', why, `${KUBECTL} get pods,lease; ${OPERATOR_LOG} --tail=50`),
  ];
  if (!holderIdentity || renewTime === undefined)
    return nobody(`no replica holds the lease ${OPERATOR.name}`);
  const ageMs = clusterMs - Date.parse(renewTime);
  if (ageMs > leaseDurationSeconds * 1000)
    return nobody(
      `${podOfHolder(holderIdentity)} renewed the lease ${Math.round(ageMs / 1000)} s ago, and it is good for ${leaseDurationSeconds} s`,
    );
  return [fine(`${podOfHolder(holderIdentity)} leads`)];
}

/** Ends of the operator within the last hour, with the reason of the latest. */
function judgeRestarts(pods: readonly Pod[], now: Date): Found[] {
  const ends = pods.flatMap((pod) =>
    earlierExits(pod).flatMap(({ restarts, exit }) => {
      const at = Date.parse(exit.finishedAt ?? '');
      return now.getTime() - at <= RECENT_MS ? [{ pod: pod.metadata.name, at, restarts, exit }] : [];
    }),
  );
  const [latest] = ends.toSorted((a, b) => b.at - a.at);
  if (!latest) return [];
  const { pod, at, restarts, exit } = latest;
  return [
    warning(
      `the operator was restarted ${restarts} ${restarts === 1 ? 'time' : 'times'}`,
      `Pod ${pod} ended with ${exit.reason ?? 'Error'} (exit code ${exit.exitCode}) at ${new Date(at).toISOString()}`,
      `${KUBECTL} logs ${pod} --previous --tail=50`,
    ),
  ];
}
