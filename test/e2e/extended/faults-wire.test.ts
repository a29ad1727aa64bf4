/** The operator as it is deployed, whose connection to the API server fails, while it does not: nothing is lost and nothing done twice, and all goes on within a minute. */
import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import { isFinished } from '../../../src/crds/conditions.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import { CONTAINER, OPERATOR } from '../../../src/installation/names.ts';
import { kubeconfig, kubectl, kubectlOk } from '../../support/cluster.ts';
import { Wire } from '../../support/wire.ts';
import { hostAddress } from '../cluster/index.ts';
import { apiServerAnswers, killApiServer, operatorIsWell } from '../support/faults.ts';
import { allEarn } from '../support/phases.ts';
import { ownTrial } from '../support/stories.ts';
import { reward } from '../support/task.ts';
import { world } from '../support/world.ts';

/** Longer than the operator waits for one answer, and than its lease. */
const FAULT_MS = 60_000;
/** Each way. */
const LATENCY_MS = 5000;
/** From the end of a fault until everything has ended that it met. */
const CONVERGED_S = 60;
/** Until a client has noticed that nobody is at the other end any more. */
const STALE_S = 45;

/** A name of the API server's certificate that no Pod asks DNS for. */
const HOST = 'kubernetes.default.svc';
const STATEFUL_SET = `statefulset/${OPERATOR.name}`;
const inSystem = ['-n', OPERATOR.namespace];

/** Pods of the operator reach the API server through `wire` from now on. */
async function layWire(wire: Wire): Promise<void> {
  const { hostname: ip, port } = new URL(wire.url);
  const env = [
    { name: 'KUBERNETES_SERVICE_HOST', value: HOST },
    { name: 'KUBERNETES_SERVICE_PORT', value: port },
  ];
  const spec = {
    hostAliases: [{ ip, hostnames: [HOST] }],
    containers: [{ name: CONTAINER, env }],
  };
  const patch = JSON.stringify({ spec: { template: { spec } } });
  await kubectlOk([...inSystem, 'patch', STATEFUL_SET, '--type=strategic', '-p', patch]);
  await rolledOut();
  expect(wire.connections).to.be.above(0);
}

const rolledOut = async (): Promise<void> => {
  await kubectlOk([...inSystem, 'rollout', 'status', STATEFUL_SET, '--timeout=180s']);
  await operatorIsWell();
};

const STORM = 'sb-test-storm';
const FLOW = 'flowcontrol.apiserver.k8s.io/v1';
const NONE = { nominalConcurrencyShares: 0, lendablePercent: 0, borrowingLimitPercent: 0 };
/** A share of nothing for all that the operator asks; its lease is before that in a flow of its own, as everybody's. */
const REFUSALS = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: FLOW,
      kind: 'PriorityLevelConfiguration',
      metadata: { name: STORM },
      spec: { type: 'Limited', limited: { ...NONE, limitResponse: { type: 'Reject' } } },
    },
    {
      apiVersion: FLOW,
      kind: 'FlowSchema',
      metadata: { name: STORM },
      spec: {
        priorityLevelConfiguration: { name: STORM },
        matchingPrecedence: 300,
        rules: [
          {
            subjects: [
              {
                kind: 'ServiceAccount',
                serviceAccount: { name: OPERATOR.name, namespace: OPERATOR.namespace },
              },
            ],
            resourceRules: [
              { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] },
            ],
          },
        ],
      },
    },
  ],
};

/** Sum of what the API server counts under a metric, of the series whose labels are all of these. */
async function counted(metric: string, labels: string[]): Promise<number> {
  const lines = (await kubectlOk(['get', '--raw', '/metrics'])).split('\n');
  const found = lines.filter(
    (line) => line.startsWith(`${metric}{`) && labels.every((one) => line.includes(one)),
  );
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const removeStorm = (): Promise<unknown> =>
  kubectl(['delete', '--ignore-not-found', `flowschema/${STORM}`, `prioritylevelconfiguration/${STORM}`]);

async function refuseAll(): Promise<void> {
  await kubectlOk(['apply', '-f', '-'], REFUSALS);
  await wait(FAULT_MS);
  const refused = await counted('apiserver_flowcontrol_rejected_requests_total', [STORM]);
  await removeStorm();
  expect(refused).to.be.above(0);
}

/** Whoever writes a status has read the version before. */
async function changeAll(): Promise<void> {
  const { kube, trials, namespace } = world();
  const conflicts = () =>
    counted('apiserver_request_total', ['code="409"', 'resource="trials"', 'subresource="status"']);
  const before = await conflicts();
  const until = performance.now() + FAULT_MS;
  for (let round = 0; performance.now() < until; round++) {
    const open = trials.list().filter((one) => one.metadata.namespace === namespace && !isFinished(one));
    const metadata = { annotations: { 'sb.test/round': String(round) } };
    await Promise.all(
      open.map(({ metadata: { name } }) => kube.patch(TrialKind, { namespace, name }, { metadata })),
    );
    await wait(10);
  }
  expect(await conflicts()).to.be.above(before);
}

/** `staleSeconds`: what nobody can notice sooner. */
const FAULTS: [name: string, disturb: (wire: Wire) => Promise<void>, staleSeconds?: number][] = [
  [
    'a black hole, out of which all comes late',
    async (wire) => {
      wire.hold();
      await wait(FAULT_MS);
      wire.open();
    },
  ],
  ['connections that are half open', async (wire) => wire.forget(), STALE_S],
  [
    'a history that is gone',
    async (wire) => {
      wire.hold();
      await killApiServer();
      await apiServerAnswers();
      wire.forget();
      wire.open();
    },
    STALE_S,
  ],
  ['a storm of 429', refuseAll],
  ['a storm of 409', changeAll],
  [
    'a latency of 5 s',
    async (wire) => {
      wire.delay(LATENCY_MS);
      await wait(FAULT_MS);
      wire.delay(0);
    },
  ],
];

describe('the operator, whose connection to the API server fails', function () {
  this.timeout(600_000);
  let wire: Wire;

  before(async () => {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    wire = await Wire.start(config.getCurrentCluster()?.server ?? '', await hostAddress());
    await layWire(wire);
  });
  after(async () => {
    await removeStorm();
    await kubectlOk([...inSystem, 'rollout', 'undo', STATEFUL_SET]);
    await rolledOut();
    await wire.close();
  });

  for (const [index, [name, disturb, staleSeconds = 0]] of FAULTS.entries())
    it(`loses nothing and does nothing twice: ${name}`, async () => {
      const stories = Array.from({ length: 9 }, (_, number) =>
        ownTrial(`wire-${index}-${number}`, { agent: `sleep ${number % 3}`, tests: `sleep 1; ${reward(1)}` }),
      );
      const [met, during, afterwards] = [stories.slice(0, 4), stories.slice(4, 7), stories.slice(7)];
      await Promise.all(met.map((story) => story.start()));
      await wait(1500);
      const disturbed = disturb(wire);
      await Promise.all(during.map((story) => story.start()));
      await disturbed;
      await Promise.all(afterwards.map((story) => story.start()));
      await allEarn(stories, CONVERGED_S + staleSeconds);
      await operatorIsWell();
    });
});
