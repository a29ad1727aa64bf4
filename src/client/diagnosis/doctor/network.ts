/** Whether Trials of the namespace are kept to what their network may reach: by policies that are there, and a cluster that enforces them. */
import { conditionOf } from '../../../crds/conditions.ts';
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { networkPolicyName, NETWORKS } from '../../../crds/names.ts';
import type { Trial } from '../../../crds/trial.ts';
import { OPERATOR_LOG } from '../../../installation/names.ts';
import { NetworkPolicy } from '../../../kube/kinds.ts';
import { fine, problem, warning, type Check, type Found, type Patient } from './check.ts';

/** Some Trials tell as much as all. */
const TRIALS = 100;

export const network: Check<Patient> = {
  name: 'network',
  subject: 'the network policies',
  async run({ session: { kube, namespace } }) {
    const names = NETWORKS.map(networkPolicyName);
    const [trials, ...found] = await Promise.all([
      kube.list(TrialKind, { namespace, limit: TRIALS }),
      ...names.map((name) => kube.get(NetworkPolicy, { namespace, name })),
    ]);
    const missing = names.filter((_, index) => !found[index]);
    return [judgePolicies({ namespace, missing, trials }), ...judgeEnforcement(trials)];
  },
};

interface Looked {
  namespace: string;
  missing: readonly string[];
  trials: readonly Trial[];
}

function judgePolicies({ namespace, missing, trials }: Looked): Found {
  if (missing.length === 0) return fine(`namespace ${namespace} has the network policies of Trials`);
  if (trials.length === 0)
    return fine(`namespace ${namespace} gets its network policies with its first Trial`);
  return problem(
    `namespace ${namespace} lacks network policies: ${missing.join(', ')}`,
    'the operator makes them, and starts no Trial before they are there',
    `${OPERATOR_LOG} --tail=50`,
  );
}

/** What the latest attempt found that tried. */
function judgeEnforcement(trials: readonly Trial[]): Found[] {
  const [latest] = trials
    .flatMap((trial) => conditionOf(trial, 'NetworkRestricted') ?? [])
    .toSorted((a, b) => b.lastTransitionTime.localeCompare(a.lastTransitionTime));
  if (!latest) return [];
  if (latest.status === 'True') return [fine('the cluster enforces network policies')];
  return [
    warning(
      'the cluster enforces no network policies',
      'the Pod of a Trial reached a port that its policy closes: Trials reach whatever the cluster’s network reaches, unless environment.network.enforcement is Required',
      'use a network plugin that enforces them, such as Cilium, Calico, or on EKS the VPC CNI with enableNetworkPolicy',
    ),
  ];
}
