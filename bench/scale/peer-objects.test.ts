import { expect } from 'chai';
import { statefulSet } from '../../src/installation/stateful-set.ts';
import { DEFAULTS } from '../../src/installation/values.ts';
import type { StatefulSet } from '../../src/kube/kinds.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { inPlaceOf, peerObjects } from './peer-objects.ts';

const PLACING = {
  nodeSelector: { pool: 'system' },
  tolerations: [{ key: 'system', operator: 'Exists' as const }],
};
const operator = statefulSet({ ...DEFAULTS, version: '1.2.3', replicas: 3, placing: PLACING });
const peer = inPlaceOf(operator, 'registry.invalid/peer:1');

/** What decides how much its Pods get of a machine, and of which. */
function share({ spec }: StatefulSet) {
  const { containers, nodeSelector, tolerations, priorityClassName, securityContext } = spec!.template.spec!;
  const [container] = containers;
  const { resources, livenessProbe, readinessProbe, startupProbe } = container!;
  return {
    replicas: spec!.replicas,
    place: { nodeSelector, tolerations, priorityClassName },
    probes: { livenessProbe, readinessProbe, startupProbe },
    security: [securityContext, container!.securityContext],
    containers: containers.length,
    resources,
  };
}

interface Rules extends KubeObject {
  rules?: { resources: string[]; verbs: string[] }[];
}

describe('the peer of the operator', () => {
  it('gets of the cluster what the operator gets', () => {
    expect(share(peer)).to.deep.equal(share(operator));
  });

  it('keeps its Pods apart from each other as the operator’s are', () => {
    const affinity = (of: StatefulSet): string => JSON.stringify(of.spec!.template.spec!.affinity);
    expect(affinity(peer)).to.equal(affinity(operator).replaceAll('sb-operator', 'peer'));
  });

  it('takes nothing from the operator’s namespace, and has a user of its own', () => {
    const { serviceAccountName, volumes, containers } = peer.spec!.template.spec!;
    expect(serviceAccountName).to.equal('peer');
    expect(volumes).to.deep.equal([{ name: 'job', configMap: { name: 'peer' } }]);
    expect(containers[0]).to.not.have.any.keys('env', 'envFrom');
  });

  it('may write Jobs, statuses of its kind, its lease and Events, and nothing else', () => {
    const objects = peerObjects(peer, { template: { spec: { containers: [] } } }) as Rules[];
    const written = objects
      .flatMap(({ rules = [] }) => rules)
      .filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)))
      .flatMap(({ resources }) => resources);
    expect(new Set(written)).to.deep.equal(new Set(['jobs', 'peertrials/status', 'leases', 'events']));
  });
});
