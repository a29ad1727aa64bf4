/** The policies of config/admission and the roles of config/rbac on a real API server: who may write what, with which token. Nearly everything is a dry run, which admission sees like any other request. */
import { expect } from 'chai';
import { BROKER_AUDIENCE, LABEL } from '../../src/crds/names.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { operatorUser } from '../../src/installation/names.ts';
import type { Job } from '../../src/kube/kinds.ts';
import { buildJob } from '../../src/providers/image-builder/buildkit/manifests.ts';
import { aTrial } from '../support/builders/objects.ts';
import {
  dropNamespace,
  kubectl,
  kubectlOk,
  makeNamespace,
  needCluster,
  type Said,
} from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import {
  accepts,
  API_VERSION,
  bind,
  dryRun,
  jobOf,
  may as mayIn,
  nowhere,
  plainJobOf,
  podOf as podIn,
  refuses,
  settings,
  type Json,
  type PodSpec,
} from './support/admission.ts';

let namespace = '';
let trial: Trial;

const may = (user: string, asked: string, where = namespace): Promise<boolean> => mayIn(user, asked, where);
const rendered = (change?: (job: Job, pod: PodSpec) => void): Job => jobOf(trial, change);
const podOf = (metadata: Json, spec?: Json): Json => podIn(namespace, metadata, spec);

/** The Job of a TaskBuild, whose Pod no node takes. */
function buildOf(owner: { name: string; uid: string }): Job {
  const job = buildJob(
    {
      token: 'sb-build-0123456789abcdef0123',
      owner: { namespace, ...owner },
      attempt: 1,
      image: 'registry/image:1',
      context: { kind: 's3', sha256: '0'.repeat(64), uri: 's3://bucket/context.zip' },
      dockerfile: 'Dockerfile',
      platform: 'linux/amd64',
      buildArgs: {},
      timeoutSeconds: 60,
      queueTimeoutSeconds: 60,
      secret: 'login',
      mayExist: false,
    },
    { ...settings, address: 'tcp://b:1', buildctlImage: 'buildctl' },
  );
  Object.assign(job.spec!.template.spec!, nowhere);
  return job;
}

const token = { audience: BROKER_AUDIENCE, path: 'token' };
const tokenVolume = {
  volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: token }] } }],
};

describe('The admission policies', function () {
  this.timeout(60_000);

  before(async function () {
    await needCluster(this);
    namespace = await makeNamespace('admission');
    const made = aTrial({ spec: { suspend: true, scheduling: nowhere } });
    Object.assign(made.metadata, { namespace, uid: undefined, resourceVersion: undefined });
    trial = JSON.parse(await kubectlOk(['create', '-f', '-', '-o', 'json'], made)) as Trial;
    await bind(namespace, 'edit', 'mallory');
  });
  after(async () => {
    if (namespace) await dropNamespace(namespace);
  });

  describe('with a stolen token of the operator', () => {
    const create = (job: Job): Promise<Said> => dryRun(job, operatorUser());

    it('take the Job of a Trial and the Job of a build', async () => {
      accepts(await create(rendered()));
      accepts(await create(buildOf({ name: 'image', uid: trial.metadata.uid ?? '' })));
    });

    const forbidden: [title: string, because: string, change: (job: Job, pod: PodSpec) => void][] = [
      [
        'a privileged container',
        'not privileged',
        (_, pod) => (pod.containers[0]!.securityContext = { privileged: true }),
      ],
      [
        'a privileged init container',
        'not privileged',
        (_, pod) => (pod.initContainers![0]!.securityContext = { privileged: true }),
      ],
      [
        'an added capability',
        'adds no capabilities',
        (_, pod) => (pod.containers[0]!.securityContext = { capabilities: { add: ['SYS_ADMIN'] } }),
      ],
      ['the node’s processes', 'no namespaces of its node', (_, pod) => (pod.hostPID = true)],
      [
        'the node’s network',
        'no namespaces of its node',
        // The API server itself takes no sysctls of the network there.
        (_, pod) => Object.assign(pod, { hostNetwork: true, securityContext: {} }),
      ],
      [
        'no seccomp',
        'leaves seccomp on',
        (_, pod) => (pod.securityContext = { seccompProfile: { type: 'Unconfined' } }),
      ],
      ['no word of seccomp', 'leaves seccomp on', (_, pod) => (pod.securityContext = {})],
      [
        'a container without seccomp',
        'leaves seccomp on',
        (_, pod) => (pod.containers[0]!.securityContext = { seccompProfile: { type: 'Unconfined' } }),
      ],
      [
        'a priority of Kubernetes',
        'comes before',
        (_, pod) => (pod.priorityClassName = 'system-cluster-critical'),
      ],
      ['the priority of the operator', 'comes before', (_, pod) => (pod.priorityClassName = 'sb-operator')],
      [
        'a port of the node',
        'ports of its node',
        (_, pod) => (pod.containers[0]!.ports = [{ containerPort: 80, hostPort: 80 }]),
      ],
      [
        'a folder of the node',
        'volumes',
        (_, pod) => pod.volumes!.push({ name: 'host', hostPath: { path: '/' } }),
      ],
      [
        'a token for the API server',
        'volumes',
        (_, pod) =>
          pod.volumes!.push({
            name: 'api',
            projected: { sources: [{ serviceAccountToken: { path: 't' } }] },
          }),
      ],
      ['another ServiceAccount', 'ServiceAccount default', (_, pod) => (pod.serviceAccountName = 'admin')],
      [
        'the token of its ServiceAccount',
        'ServiceAccount default',
        (_, pod) => (pod.automountServiceAccountToken = true),
      ],
      ['no owner', 'owned by a Trial', (job) => (job.metadata.ownerReferences = [])],
      [
        'another owner',
        'owned by a Trial',
        (job) => (job.metadata.ownerReferences![0]!.apiVersion = 'apps/v1'),
      ],
      ['another name', 'name and the labels', (job) => (job.metadata.name = 'other-1')],
      [
        'another Trial’s label',
        'name and the labels',
        (job) => (job.metadata.labels![LABEL.trial] = 'other'),
      ],
      [
        'Pods of another Trial',
        'have its labels',
        (job) => (job.spec!.template.metadata!.labels![LABEL.trial] = 'other'),
      ],
      ['a namespace of Kubernetes', 'another namespace', (job) => (job.metadata.namespace = 'kube-system')],
      ['its own namespace', 'another namespace', (job) => (job.metadata.namespace = 'sb-system')],
    ];
    for (const [title, because, change] of forbidden)
      it(`refuse a Job with ${title}`, async () => refuses(await create(rendered(change)), because));

    it('refuse to delete a Job that is nobody’s of ours', async () => {
      const job = {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'theirs', namespace },
        spec: {
          suspend: true,
          template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'debian' }] } },
        },
      };
      await kubectlOk(['create', '-f', '-'], job);
      const removed = await kubectl(['delete', 'job', 'theirs', '-n', namespace, `--as=${operatorUser()}`]);
      refuses(removed, 'deletes no Job but those');
    });

    it('leave it no Pod, no Secret, no role and no Deployment', async () => {
      for (const asked of [
        'create pods',
        'get secrets',
        'create pods/exec',
        'create roles',
        'create deployments',
        'update jobs',
        'create serviceaccounts/token',
      ])
        expect(await may(operatorUser(), asked), asked).to.equal(false);
    });
  });

  describe('in a namespace of its own', () => {
    it('the operator may work by a RoleBinding, and nowhere else by it', async () => {
      await bind(namespace, 'sb-operator-work', 'worker');
      for (const asked of [
        'create jobs',
        'delete jobs',
        'update trials/status',
        'create taskbuilds',
        'get configmaps',
        'create events',
      ])
        expect([await may('worker', asked), await may('worker', asked, 'default')], asked).to.deep.equal([
          true,
          false,
        ]);
      expect(await may('worker', 'get secrets')).to.equal(false);
    });
  });

  describe('with a user who may edit the namespace', () => {
    const belong = 'belong to Pods of the operator';

    it('refuse a Pod in the name of a Trial', async () => {
      refuses(
        await dryRun(podOf({ labels: { [LABEL.trial]: 'hello', [LABEL.attempt]: '1' } }), 'mallory'),
        belong,
      );
      refuses(
        await dryRun(podOf({ annotations: { 'sb.abundant.ai/image-config': '{}' } }), 'mallory'),
        belong,
      );
      refuses(await dryRun(podOf({}, tokenVolume), 'mallory'), belong);
    });

    it('refuse it to admins, too, whose tools act for others', async () => {
      refuses(await dryRun(podOf({ labels: { [LABEL.trial]: 'hello' } })), belong);
    });

    it('refuse a Job that makes such Pods', async () => {
      const because = 'belong to Jobs of the operator';
      const job = (metadata: Json, template: Json): Json => plainJobOf(namespace, metadata, template);
      refuses(await dryRun(job({ labels: { [LABEL.trial]: 'hello' } }, {}), 'mallory'), because);
      refuses(
        await dryRun(job({}, { metadata: { labels: { [LABEL.trial]: 'hello' } } }), 'mallory'),
        because,
      );
      const spec = { ...(podOf({}, tokenVolume)['spec'] as Json), restartPolicy: 'Never' };
      refuses(await dryRun(job({}, { spec }), 'mallory'), because);
      refuses(await dryRun(rendered(), 'mallory'), because);
      accepts(await dryRun(job({ labels: { app: 'own' } }, {}), 'mallory'));
    });

    it('leave Trials to those who were given them', async () => {
      expect(await may('mallory', 'create trials')).to.equal(false);
    });

    it('refuse a token for the broker, and give any other', async () => {
      const mint = ['create', 'token', 'default', '-n', namespace, '--as=mallory'];
      refuses(await kubectl([...mint, `--audience=${BROKER_AUDIENCE}`]), 'for the kubelet alone');
      refuses(
        await kubectl([...mint, '--audience=other', `--audience=${BROKER_AUDIENCE}`]),
        'for the kubelet alone',
      );
      accepts(await kubectl([...mint, '--audience=other']));
    });

    it('take Pods that are nobody’s of ours, and changes of them', async () => {
      const labels = { app: 'own', 'kueue.x-k8s.io/queue-name': 'q' };
      await kubectlOk(['create', '--as=mallory', '-f', '-'], podOf({ name: 'own', labels }));
      const change = (args: string[]): Promise<Said> => kubectl([...args, '-n', namespace, '--as=mallory']);
      accepts(await change(['label', 'pod', 'own', 'app=changed', '--overwrite']));
      accepts(await change(['set', 'image', 'pod/own', 'main=debian:bookworm-slim']));
      refuses(await change(['label', 'pod', 'own', `${LABEL.trial}=hello`]), 'cannot be changed');
      refuses(
        await change(['annotate', 'pod', 'own', 'sb.abundant.ai/image-config={}']),
        'cannot be changed',
      );
    });
  });

  describe('with the Pod of a build, as with that of a Trial', () => {
    let job = '';
    let pod = '';
    const change = (args: string[]): Promise<Said> =>
      kubectl([...args, '-n', namespace, '--as=mallory', '--dry-run=server']);

    before(async () => {
      const build = {
        apiVersion: API_VERSION,
        kind: 'TaskBuild',
        metadata: { name: 'image', namespace },
        // The operator leaves it alone.
        spec: { context: { configMap: { name: 'context' } }, cancelled: true },
      };
      const made = JSON.parse(await kubectlOk(['create', '-f', '-', '-o', 'json'], build)) as Trial;
      const owned = buildOf({ name: 'image', uid: made.metadata.uid ?? '' });
      job = `job/${owned.metadata.name}`;
      await kubectlOk(['create', '-f', '-', `--as=${operatorUser()}`], owned);
      await eventuallyTrue('the Job controller has created the Pod', async () => {
        const args = ['get', 'pods', '-n', namespace, '-l', `${LABEL.taskBuild}=image`, '-o', 'name'];
        pod = (await kubectlOk(args)).trim();
        return pod !== '';
      });
    });

    it('keep labels and annotations in our name as they were written', async () => {
      for (const args of [
        [`${LABEL.taskBuild}=other`, '--overwrite'],
        [`${LABEL.taskBuild}-`],
        [`${LABEL.run}=other`],
      ])
        refuses(await change(['label', pod, ...args]), 'cannot be changed');
      refuses(await change(['annotate', pod, 'sb.abundant.ai/trial-name=x']), 'cannot be changed');
      accepts(await change(['label', pod, 'app=own']));
      accepts(await change(['annotate', pod, 'app=own']));
    });

    it('keep its images, the courier’s above all', async () => {
      refuses(await change(['set', 'image', pod, 'build=debian']), 'images');
      refuses(await change(['set', 'image', pod, 'context=debian']), 'images');
    });

    it('keep the labels of its Job', async () => {
      refuses(await change(['label', job, `${LABEL.taskBuild}=x`, '--overwrite']), 'cannot be changed');
      accepts(await change(['label', job, 'app=own']));
    });

    it('take its deletion', async () => {
      accepts(await kubectl(['delete', pod, '-n', namespace, '--as=mallory', '--wait=false']));
    });
  });

  describe('with a large object', () => {
    const many = (bytes: number): Json[] =>
      Array.from({ length: Math.ceil(bytes / 32_768) }, (_, index) => ({
        name: `V${index}`,
        value: 'x'.repeat(Math.min(32_768, bytes - index * 32_768)),
      }));
    const sized = (spec: Json): Json => ({
      apiVersion: API_VERSION,
      kind: 'Trial',
      metadata: { name: 'large', namespace },
      spec: {
        task: { name: 'hello', configMap: { name: 'hello' } },
        environment: { image: 'debian' },
        ...spec,
      },
    });
    const args = (count: number): Json =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`A${index}`, 'x'.repeat(4096)]));
    const context = { configMap: { name: 'context' } };

    it('refuse a Trial of more than 128 KiB, with its size and the limit', async () => {
      const custom = { name: 'custom', run: 'x'.repeat(65_536), install: 'x'.repeat(65_536) };
      refuses(await dryRun(sized({ agent: { ...custom, env: many(10) } })), '131084 bytes');
      refuses(
        await dryRun(sized({ environment: { image: 'debian', env: many(1_000_000) } })),
        'more than 131072',
      );
      refuses(
        await dryRun(sized({ agent: { env: many(100_000) }, verifier: { env: many(100_000) } })),
        '200016 bytes',
      );
      accepts(await dryRun(sized({ agent: custom })));
      accepts(await dryRun(sized({ verifier: { env: many(131_000) } })));
    });

    it('count bytes, not letters', async () => {
      const run = '€'.repeat(60_000);
      refuses(await dryRun(sized({ agent: { name: 'custom', run } })), '180000 bytes');
    });

    it('refuse more than 64 KiB of build arguments, of a TaskBuild and in a Trial', async () => {
      const build = (buildArgs: Json): Json => ({
        apiVersion: API_VERSION,
        kind: 'TaskBuild',
        metadata: { name: 'large', namespace },
        spec: { context, buildArgs },
      });
      refuses(await dryRun(build(args(16))), '65574 bytes');
      accepts(await dryRun(build(args(15))));
      refuses(
        await dryRun(sized({ environment: { build: { context, buildArgs: args(16) } } })),
        '65574 bytes',
      );
      accepts(await dryRun(sized({ environment: { build: { context, buildArgs: args(15) } } })));
    });
  });
});
