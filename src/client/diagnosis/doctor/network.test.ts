import { expect } from 'chai';
import { aTrial, after, stampOf } from '../../../../test/support/builders/objects.ts';
import { resultsOf } from '../../../../test/support/client/doctor.ts';
import type { KubeObject } from '../../../kube/types.ts';
import { network } from './network.ts';

const policy = (name: string): KubeObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: 'a' },
});
const BOTH = [policy('sb-trials-public'), policy('sb-trials-restricted')];

const tried = (status: 'True' | 'False', seconds: number) => {
  const lastTransitionTime = stampOf(after(seconds));
  const condition = { type: 'NetworkRestricted', status, reason: 'r', message: 'm', lastTransitionTime };
  return aTrial({ status: { conditions: [condition] } });
};

const told = async (objects: Record<string, KubeObject[]>): Promise<string[]> =>
  (await resultsOf(network, { objects })).map(({ state, what }) => `${state}: ${what}`);

describe('sb doctor about the network of Trials', () => {
  it('finds both policies', async () => {
    expect(await told({ NetworkPolicy: BOTH, Trial: [aTrial()] })).to.deep.equal([
      'fine: namespace a has the network policies of Trials',
    ]);
  });

  it('misses one where there are Trials, and none where there is no Trial yet', async () => {
    expect(await told({ NetworkPolicy: [BOTH[0]!], Trial: [aTrial()] })).to.deep.equal([
      'problem: namespace a lacks network policies: sb-trials-restricted',
    ]);
    expect(await told({})).to.deep.equal([
      'fine: namespace a gets its network policies with its first Trial',
    ]);
  });

  it('says what the Trial that tried last found of the cluster', async () => {
    const [older, newer] = [tried('True', 1), tried('False', 2)];
    expect(await told({ NetworkPolicy: BOTH, Trial: [newer, older] })).to.deep.include(
      'warning: the cluster enforces no network policies',
    );
    expect(await told({ NetworkPolicy: BOTH, Trial: [tried('False', 1), tried('True', 2)] })).to.deep.include(
      'fine: the cluster enforces network policies',
    );
  });
});
