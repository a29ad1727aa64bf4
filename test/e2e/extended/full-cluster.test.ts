import { expect } from 'chai';
import { OPERATOR, OPERATOR_LABELS } from '../../../src/installation/names.ts';
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

const remove = ['delete', 'pod', '-n', OPERATOR.namespace];

const PREDECESSOR = 'predecessor';
/** A Pod of a replica's labels, at its place: the scheduler sees it as one that it has not yet heard the end of. */
const predecessorOf = (replica: string, nodeName?: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: PREDECESSOR,
    namespace: OPERATOR.namespace,
    labels: { ...OPERATOR_LABELS, 'statefulset.kubernetes.io/pod-name': replica },
  },
  spec: {
    nodeName,
    priorityClassName: OPERATOR.name,
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'main',
        image: 'debian:bookworm-slim',
        command: ['sleep', 'infinity'],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        // No courier is to come to it.
        readinessProbe: { exec: { command: ['false'] } },
      },
    ],
  },
});

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
    for (const grace of [[], ['--grace-period=0', '--force']])
      for (const count of [1, 2]) {
        const pods = (await operatorPods()).slice(0, count);
        await kubectlOk([...remove, ...grace, ...pods.map(({ metadata }) => metadata.name)]);
        await operatorIsWell();
      }
    expect(await gone()).to.deep.equal([]);
  });

  it('has no place to take for a replica while the scheduler still sees the Pod that it succeeds', async () => {
    const { metadata, spec } = (await operatorPods())[0]!;
    const named = metadata.name;
    const successor = async (): Promise<Pod | undefined> =>
      (await operatorPods()).find((pod) => pod.metadata.name === named && pod.metadata.uid !== metadata.uid);
    // Who waits might take the place first.
    await kubectlOk(['scale', '-n', world().namespace, 'deployment/filler', `--replicas=${before.size}`]);
    await kubectlOk(['apply', '-f', '-'], predecessorOf(named, spec?.nodeName));
    await kubectlOk([...remove, '--grace-period=0', '--force', named]);
    try {
      await eventuallyTrue('it has no place', async () => (await operatorPods()).some(hasNoPlace));
    } finally {
      await kubectlOk([...remove, '--grace-period=0', '--force', PREDECESSOR]);
    }
    await eventuallyTrue('it has one', async () => (await successor())?.spec?.nodeName !== undefined);
    expect(await gone()).to.deep.equal([]);
  });
});
