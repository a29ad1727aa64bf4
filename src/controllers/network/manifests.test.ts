import { expect } from 'chai';
import { expectGolden } from '../../../test/support/golden.ts';
import { LABEL } from '../../crds/names.ts';
import { ENTERED } from '../../wire/sandbox/names.ts';
import { entryPolicyOf, policiesOf } from './manifests.ts';
import type { Surroundings } from './observed.ts';

const surroundings: Surroundings = {
  broker: { namespace: 'sb-system', labels: { 'app.kubernetes.io/name': 'sb-operator' }, port: 8443 },
  apiServers: ['172.18.0.2', '8.8.4.7', '2600::7'],
  allowed: [{ cidr: '10.9.8.7/32', port: 7070 }, { cidr: '192.168.5.0/24' }],
};

describe('the NetworkPolicies of a namespace', () => {
  it('look as they always did', async () => {
    const [publicOne, restricted] = policiesOf('team-a', surroundings);
    await expectGolden('network-policy-public.yaml', publicOne ?? {});
    await expectGolden('network-policy-restricted.yaml', restricted ?? {});
  });

  it('look as they always did for those who enter', async () => {
    for (const kind of ENTERED)
      await expectGolden(`network-policy-${kind}.yaml`, entryPolicyOf(kind, 'team-a', surroundings));
  });

  it('let nobody but the operator in, at no port but the courier’s, and out nowhere', () => {
    for (const [kind, port] of [
      ['sandboxes', 8443],
      ['trials', 28_173],
    ] as const) {
      const { spec } = entryPolicyOf(kind, 'team-a', surroundings);
      expect(spec?.policyTypes).to.deep.equal(['Ingress']);
      expect(spec?.ingress).to.deep.equal([
        {
          from: [
            {
              namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'sb-system' } },
              podSelector: { matchLabels: { 'app.kubernetes.io/name': 'sb-operator' } },
            },
          ],
          ports: [{ protocol: 'TCP', port }],
        },
      ]);
    }
  });

  it('choose the Pods with the label of their name, and let nothing in', () => {
    for (const { spec, metadata } of policiesOf('team-a', surroundings)) {
      expect(spec?.podSelector).to.deep.equal({
        matchLabels: { [LABEL.network]: metadata.labels?.[LABEL.network] },
      });
      expect(spec).to.deep.include({ policyTypes: ['Ingress', 'Egress'] });
      expect(spec).not.to.have.property('ingress');
    }
  });

  it('change with nothing that is closed anyway', () => {
    const moved = { ...surroundings, apiServers: ['172.18.0.9', '8.8.4.7', '2600::7'] };
    expect(policiesOf('team-a', moved)).to.deep.equal(policiesOf('team-a', surroundings));
  });
});
