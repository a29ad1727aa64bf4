import { expect } from 'chai';
import { gpuPool, nodePool, type NodePool } from '../../../src/installation/aws/cluster/nodes.ts';
import { clusterObjects } from '../../../src/installation/aws/cluster/objects.ts';
import { EXAMPLE } from '../../../src/installation/aws/cluster/values.ts';
import { LOG_SHIPPER } from '../../../src/installation/aws/names.ts';
import { areEstablished, kubectl, kubectlOk } from '../../support/cluster.ts';
import { karpenterCrd } from '../support/karpenter.ts';
import { world } from '../support/world.ts';

const CRD = 'nodepools.karpenter.sh';

/** What the API server says of it, as if it were applied: schema, CEL and admission. */
const tried = (object: object) => kubectl(['apply', '--server-side', '--dry-run=server', '-f', '-'], object);

describe('the NodePool of Trials', function () {
  this.timeout(300_000);
  before(async () => {
    await kubectlOk(['apply', '--server-side', '-f', '-'], await karpenterCrd('nodepools'));
    await areEstablished([`crd/${CRD}`]);
  });
  // Whoever looks for what adds nodes would find it and no pool.
  after(() => kubectlOk(['delete', 'crd', CRD, '--ignore-not-found']));

  for (const pool of [nodePool(), gpuPool(4)])
    it(`passes the rules of Karpenter: ${pool.metadata.name}`, async () => {
      const said = await tried(pool);
      expect(said.code, said.stderr).to.equal(0);
    });

  for (const [what, change, why] of [
    [
      'a requirement of a number that is none',
      ({ template }: NodePool['spec']) =>
        template.spec.requirements.push({ key: 'x.y/z', operator: 'Gt', values: ['-4'] }),
      /must have a single positive integer value/,
    ],
    [
      'a label of Karpenter’s own',
      ({ template }: NodePool['spec']) =>
        template.spec.requirements.push({ key: 'karpenter.sh/x', operator: 'In', values: ['a'] }),
      /label domain "karpenter.sh" is restricted/,
    ],
    [
      'a class without a group',
      ({ template }: NodePool['spec']) => (template.spec.nodeClassRef.group = ''),
      /group may not be empty/,
    ],
    [
      'a limit that is no amount',
      (spec: NodePool['spec']) => (spec.limits['cpu'] = 'many'),
      /spec\.limits\.cpu/,
    ],
    [
      'a budget for a reason that there is not',
      ({ disruption }: NodePool['spec']) =>
        disruption.budgets.push({ nodes: '100%', reasons: ['Idle'] as never }),
      /budgets.*Unsupported value: "Idle"/,
    ],
    [
      'a life of no length',
      ({ template }: NodePool['spec']) => (template.spec.expireAfter = 'long'),
      /expireAfter/,
    ],
  ] as const)
    it(`is refused with ${what}`, async () => {
      const pool = nodePool();
      change(pool.spec);
      const said = await tried(pool);
      expect(said.code).to.not.equal(0);
      expect(said.stderr).to.match(why);
    });

  it('stands beside objects that this API server takes, but for the NodeClass, which EKS alone knows', async () => {
    const { namespace } = world();
    for (const object of Object.values(clusterObjects({ ...EXAMPLE, namespaces: [namespace] }))) {
      // Not there in a dry run, as what is in it would have it.
      if (object.kind === 'NodeClass' || object.metadata.namespace === LOG_SHIPPER.namespace) continue;
      const said = await tried(object);
      expect(said.code, `${object.kind}: ${said.stderr}`).to.equal(0);
    }
  });
});
