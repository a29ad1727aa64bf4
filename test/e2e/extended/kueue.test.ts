/** Trials in a queue of Kueue, which says when each may start. */
import { expect } from 'chai';
import { conditionOf } from '../../../src/crds/conditions.ts';
import { kubectlOk, makeNamespace } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { startKueue } from '../cluster/index.ts';
import { hold, SMALL, type Story } from '../support/story.ts';
import { ownTrial } from '../support/stories.ts';

const API = 'kueue.x-k8s.io/v1beta2';
const FLAVOUR = 'any-node';
const QUEUE = 'evals';
/** Of the task’s container: the courier and the first process take less than as much again, so that there is room for one Trial. */
const CPU = '300m';
const QUOTA = { cpu: '500m', memory: '64Gi', 'ephemeral-storage': '1Ti' };
/** The second Trial waits longer than this for the first. */
const START_SECONDS = 40;

const queues = (namespace: string): object[] => [
  { apiVersion: API, kind: 'ResourceFlavor', metadata: { name: FLAVOUR } },
  {
    apiVersion: API,
    kind: 'ClusterQueue',
    metadata: { name: QUEUE },
    spec: {
      namespaceSelector: {},
      resourceGroups: [
        {
          // Kueue admits no Job that asks for anything else.
          coveredResources: Object.keys(QUOTA),
          flavors: [
            {
              name: FLAVOUR,
              resources: Object.entries(QUOTA).map(([name, nominalQuota]) => ({ name, nominalQuota })),
            },
          ],
        },
      ],
    },
  },
  {
    apiVersion: API,
    kind: 'LocalQueue',
    metadata: { name: 'trials', namespace },
    spec: { clusterQueue: QUEUE },
  },
];

const SPEC = {
  scheduling: { queueName: 'trials' },
  environment: { resources: { ...SMALL, requests: { ...SMALL.requests, cpu: CPU } } },
};

describe('Trials in a queue of Kueue', function () {
  this.timeout(600_000);
  let namespace = '';
  let first: Story;
  let second: Story;
  let kueue: AsyncDisposable | undefined;
  before(async () => {
    namespace = await makeNamespace('e2e-kueue');
    first = ownTrial('queued-first', { agent: hold('work'), spec: SPEC }, namespace);
    const hurried = { ...SPEC, startTimeoutSeconds: START_SECONDS };
    second = ownTrial('queued-second', { spec: hurried }, namespace);
    kueue = await startKueue([namespace]);
    const list = { apiVersion: 'v1', kind: 'List', items: queues(namespace) };
    const make = () => kubectlOk(['apply', '-f', '-'], list);
    const isTaken = () => make().then(Boolean, () => false);
    // Its webhooks are there a moment after it is ready. The last try says why they are not.
    await eventuallyTrue('Kueue takes queues', isTaken, 120).catch(make);
  });
  after(async () => {
    if (namespace !== '') await kubectlOk(['delete', 'namespace', namespace, '--ignore-not-found']);
    const names = [`clusterqueues/${QUEUE}`, `resourceflavors/${FLAVOUR}`];
    if (kueue) await kubectlOk(['delete', '--ignore-not-found', ...names]);
    await kueue?.[Symbol.asyncDispose]();
  });

  it('run one after another where there is room for one, and the one that waits is not late', async () => {
    await first.reaches('work');
    const waiting = await second.until(
      'it says that it is in the queue',
      (trial) => conditionOf(trial, 'Succeeded')?.reason === 'HeldByQueue',
      60,
    );
    await eventuallyTrue(
      'the second has waited for longer than it may take to start',
      () => Date.now() - Date.parse(waiting.metadata.creationTimestamp ?? '') > (START_SECONDS + 10) * 1000,
      90,
    );
    expect(second.jobs.map(({ spec: job }) => job?.suspend)).to.deep.equal([true]);
    expect(second.pods).to.deep.equal([]);
    await first.release('work');
    const [one, other] = await Promise.all([first.earnsAtOnce(1), second.earnsAtOnce(1)]);
    const ended = Date.parse(one.status?.timings?.verifier?.completionTime ?? '');
    const begun = Date.parse(other.status?.timings?.agentExecution?.startTime ?? '');
    expect(begun).to.be.above(ended);
  });

  it('say when their queue admitted them, if it held them', () => {
    const admitted = (story: Story): string | undefined => story.seen?.status?.attempts?.[0]?.admittedTime;
    expect(admitted(first)).to.equal(undefined);
    expect(admitted(second)).to.match(/^20/);
  });
});
