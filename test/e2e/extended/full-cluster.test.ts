import { expect } from 'chai';
import { OPERATOR } from '../../../src/installation/names.ts';
import { Pod } from '../../../src/kube/kinds.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { operatorIsWell, operatorPods } from '../support/faults.ts';
import { world } from '../support/world.ts';

/** More than two nodes have room for, so that some always wait for a place. */
const MANY = 60;
const labels = { app: 'filler' };
const FILLERS = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'filler' },
  spec: {
    replicas: MANY,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'main',
            image: 'debian:bookworm-slim',
            command: ['sleep', 'infinity'],
            resources: { requests: { cpu: '100m', memory: '1Mi' } },
          },
        ],
      },
    },
  },
};

const fillers = (): Promise<Pod[]> =>
  world().kube.list(Pod, { namespace: world().namespace, labelSelector: 'app=filler' });
const runs = ({ status, metadata }: Pod): boolean =>
  status?.phase === 'Running' && metadata.deletionTimestamp === undefined;
const hasNoPlace = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false;

describe('A cluster without room', function () {
  this.timeout(300_000);
  const uids = (pods: Pod[]): (string | undefined)[] => pods.filter(runs).map(({ metadata }) => metadata.uid);
  let before: Set<string | undefined>;

  beforeEach(async () => {
    await kubectlOk(['apply', '-n', world().namespace, '-f', '-'], FILLERS);
    await eventuallyTrue(
      'every Pod runs, or no node has room for it',
      async () => (await fillers()).filter((pod) => runs(pod) || hasNoPlace(pod)).length === MANY,
      120,
    );
    before = new Set(uids(await fillers()));
    expect(before.size, 'so many have room').to.be.within(5, MANY - 5);
  });
  afterEach(async () => {
    await kubectlOk(['delete', 'deployment', 'filler', '-n', world().namespace, '--cascade=foreground']);
    await operatorIsWell();
  });

  /** Those of before that are gone. */
  const gone = async (): Promise<(string | undefined)[]> => {
    const left = new Set(uids(await fillers()));
    return [...before].filter((uid) => !left.has(uid));
  };

  it('loses nobody to an operator that is upgraded', async () => {
    const of = [`statefulset/${OPERATOR.name}`, '-n', OPERATOR.namespace];
    await kubectlOk(['rollout', 'restart', ...of]);
    await kubectlOk(['rollout', 'status', ...of, '--timeout=180s']);
    await operatorIsWell();
    expect(await gone()).to.deep.equal([]);
  });

  it('loses nobody to replicas of the operator that are deleted, one or all, with and without grace', async () => {
    const remove = ['delete', 'pod', '-n', OPERATOR.namespace];
    for (const grace of [[], ['--grace-period=0', '--force']])
      for (const count of [1, 2]) {
        const pods = (await operatorPods()).slice(0, count);
        await kubectlOk([...remove, ...grace, ...pods.map(({ metadata }) => metadata.name)]);
        await operatorIsWell();
      }
    expect(await gone()).to.deep.equal([]);
  });
});
