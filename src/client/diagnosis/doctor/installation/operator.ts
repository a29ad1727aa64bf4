import { Lease, Pod } from '../../../../kube/kinds.ts';
import { OPERATOR, OPERATOR_SELECTOR } from '../../../../installation/names.ts';
import { failed } from '../examine.ts';
import { type Check, type Found, type Patient } from '../check-result.ts';
import { Deployment } from '../kinds.ts';
import { judgeDeployment, judgeLease, judgeRestarts } from './operator-health.ts';

/** Deployment, lease and Pods, each looked at apart: whoever may read one of them learns that much. */
export const operator: Check<Patient> = {
  name: 'operator',
  subject: 'the operator',
  async run({ session: { kube, now }, identity }) {
    const selector = { namespace: OPERATOR.namespace, labelSelector: OPERATOR_SELECTOR };
    const pods = kube.list(Pod, selector);
    const known = pods.catch(() => []);
    // The lease has the operator's time, which is the cluster's rather than ours.
    const ahead = identity().then(
      ({ aheadMs }) => aheadMs,
      () => 0,
    );
    const parts: [subject: string, found: Promise<Found[]>][] = [
      [
        'the operator’s Deployment',
        kube.get(Deployment, OPERATOR).then(async (found) => judgeDeployment(found, await known)),
      ],
      [
        'the operator’s lease',
        kube.get(Lease, OPERATOR).then(async (found) => judgeLease(found, now().getTime() - (await ahead))),
      ],
      ['the operator’s Pods', pods.then((found) => judgeRestarts(found, now()))],
    ];
    const judged = parts.map(([subject, found]) =>
      found.catch((error: unknown) => [failed({ subject }, error)]),
    );
    return (await Promise.all(judged)).flat();
  },
};
