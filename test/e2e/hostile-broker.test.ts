import { expect } from 'chai';
import { zipSync } from 'fflate';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { ANNOTATION, API_VERSION, BROKER_AUDIENCE, sha256 } from '../../src/crds/names.ts';
import { TaskBuild as TaskBuildKind } from '../../src/crds/kinds.ts';
import { conditionOf } from '../../src/crds/conditions.ts';
import type { TaskBuild } from '../../src/crds/task-build.ts';
import type { Job, Pod } from '../../src/kube/kinds.ts';
import { taskHash, taskVersion } from '../../src/tasks/index.ts';
import { aMetadata } from '../support/builders/objects.ts';
import { kubectl, kubectlOk } from '../support/cluster.ts';
import { s3 } from './cluster/index.ts';
import { brokerOf, tokenOf, type Answer, type Broker } from './support/broker.ts';
import { eventually } from '../support/eventually.ts';
import { operatorPods, WORKER } from './support/faults.ts';
import { storedKeys, storedText } from './support/stored.ts';
import { ownTrial } from './support/stories.ts';
import { hold, type Story } from './support/story.ts';
import { world } from './support/world.ts';

const NONCE = Date.now().toString(36);
/** Admission lets nobody else write such a Pod: what the broker does with one where it did. */
const JOB_CONTROLLER = 'system:serviceaccount:kube-system:job-controller';

/** Gives a ServiceAccount these rights in a namespace and resolves to the name that kubectl's `--as` takes. */
async function account(namespace: string, name: string, rights: string[]): Promise<string> {
  await kubectlOk(['create', 'serviceaccount', name, '-n', namespace]);
  await kubectlOk(['create', 'role', name, '-n', namespace, ...rights]);
  const subject = `--serviceaccount=${namespace}:${name}`;
  await kubectlOk(['create', 'rolebinding', name, '-n', namespace, `--role=${name}`, subject]);
  return `system:serviceaccount:${namespace}:${name}`;
}

describe('a user who may create Pods and nothing else', () => {
  let mallory = '';
  let broker: Broker;

  before(async function () {
    this.timeout(60_000);
    const [replica] = await operatorPods();
    if (!replica) throw new Error('no operator runs');
    broker = await brokerOf(replica);
    mallory = await account(world().namespace, 'mallory', ['--verb=create,get,list', '--resource=pods']);
  });
  after(() => broker?.[Symbol.asyncDispose]());

  /** A Pod in the name of the Trial's Job: its labels, annotations and owner, and containers of the user's own. */
  function forgery(job: Job, name: string, spec: NonNullable<Pod['spec']>): object {
    const { namespace = '', uid = '', labels = {} } = job.metadata;
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        namespace,
        name,
        labels: {
          ...labels,
          'batch.kubernetes.io/controller-uid': uid,
          'controller-uid': uid,
          'job-name': job.metadata.name,
        },
        annotations: { [ANNOTATION.imageConfig]: '{}' },
        ownerReferences: [
          { apiVersion: 'batch/v1', kind: 'Job', name: job.metadata.name, uid, controller: true },
        ],
      },
      // The kubelet of a node asks for the token.
      spec: { ...spec, ...(WORKER && { nodeName: WORKER }) },
    };
  }

  const ownPod: NonNullable<Pod['spec']> = {
    containers: [{ name: 'x', image: 'debian:bookworm-slim', command: ['sleep', '600'] }],
    // A kubelet gets no token of an audience that the Pod does not name.
    volumes: [
      {
        name: 'token',
        projected: { sources: [{ serviceAccountToken: { audience: BROKER_AUDIENCE, path: 'token' } }] },
      },
    ],
  };
  /** As the Job says, but for the courier's command. */
  const nearlyRight = (job: Job): NonNullable<Pod['spec']> => {
    const spec = structuredClone(job.spec?.template.spec) as NonNullable<Pod['spec']>;
    for (const container of spec.initContainers ?? [])
      if (container.name === CONTAINERS.courier) container.command = ['sleep', '600'];
    return spec;
  };

  /** The API server needs a moment to know which Pods are a node's. */
  async function tokenSoon(pod: Pod): Promise<string | undefined> {
    for (let tries = 0; tries < 20; tries++) {
      const token = await tokenOf(pod).catch((error: unknown) => String(error));
      if (!token.startsWith('Error')) return token;
      if (/not found/i.test(token)) return undefined;
      await sleep(250);
    }
    return undefined;
  }

  /** What the broker answers to the forged Pod's token; undefined where the Job controller was faster than the user. */
  async function tryForgery(job: Job, name: string, spec: NonNullable<Pod['spec']>) {
    const pod = forgery(job, name, spec);
    const create = (user: string) => ['create', '--as', user, '-f', '-', '-o', 'json'];
    const refused = await kubectl(create(mallory), pod);
    expect(refused.stderr).to.contain('belong to Pods of the operator');
    const made = await kubectlOk(create(JOB_CONTROLLER), pod);
    const token = await tokenSoon(JSON.parse(made) as Pod);
    if (token === undefined) return undefined;
    const files = ['verifier/reward.txt', 'manifest.json'].map((path) => ({
      path,
      size: 1,
      sha256: sha256('0'),
    }));
    const answers = [
      await broker.ask({ path: '/v1/assignment', token }),
      await broker.ask({ path: '/v1/uploads', token, body: { files } }),
    ];
    return answers.map(({ status }: Answer) => status);
  }

  const jobOf = (story: Story): Job => {
    const [job] = story.jobs;
    if (!job) throw new Error(`${story.name} has no Job`);
    return job;
  };

  it('gets nothing with a Pod in the name of a Trial that has ended, and its reward stays in the bucket', async () => {
    const ended = ownTrial('forged-ended');
    const done = await ended.earns(1);
    const job = jobOf(ended);
    expect(await tryForgery(job, 'mallory-own', ownPod)).to.deep.equal([403, 403]);
    expect(await tryForgery(job, 'mallory-near', nearlyRight(job))).to.deep.equal([403, 403]);
    expect((await storedText(done, 'verifier/reward.txt')).trim()).to.equal('1');
  });

  it('gets nothing with a Pod in the name of a Trial that runs, and does not change how it ends', async () => {
    const story = ownTrial('forged-running', { agent: hold('work') });
    await story.reaches('work');
    const forged = (await tryForgery(jobOf(story), 'mallory-running', ownPod)) ?? [403, 403];
    expect(forged).to.deep.equal([403, 403]);
    // The Job controller may have ended the real Pod in place of the forged one: then there is a second attempt.
    await eventually(
      'the agent is let go on, in every attempt',
      async () => {
        const [pod] = story.pods.filter(({ metadata }) => !metadata.name.startsWith('mallory')).slice(-1);
        if (pod) await story.exec(pod.metadata.name, ['touch', '/tmp/go-work']).catch(() => '');
        return story.condition('Succeeded')?.status === 'True' ? true : undefined;
      },
      180,
    );
    const done = await story.earns(1);
    expect((await storedText(done, 'verifier/reward.txt')).trim()).to.equal('1');
  });
});

describe('tasks of another team', () => {
  const mine = `tasks/e2e-${NONCE}-a`;
  const theirs = `tasks/e2e-${NONCE}-b`;
  const spec = (prefix: string) => ({
    task: { name: 'e2e/foreign', s3: { uri: `s3://${s3.bucket}/${prefix}/hello/` } },
    agent: { name: 'oracle' },
    artifacts: [{ source: '/solution' }, { source: '/tests' }],
  });

  before(async function () {
    this.timeout(60_000);
    const texts = {
      'instruction.md': 'Say nothing.\n',
      'solution/solve.sh': '#!/bin/sh\ntrue\n',
      'task.toml': '',
      'tests/test.sh': '#!/bin/sh\necho 1 > /logs/verifier/reward.txt\n',
    };
    const entries = Object.entries(texts);
    const archive = zipSync(Object.fromEntries(entries.map(([path, text]) => [path, Buffer.from(text)])));
    const files = entries.map(([path, text]) => ({ path, sha256: sha256(text), size: 0, executable: false }));
    const hash = taskHash({ files });
    const metadata = aMetadata({ hash, version: taskVersion(hash) });
    for (const prefix of [mine, theirs]) {
      await world().artifacts.put(`${prefix}/hello/task.zip`, archive);
      await world().artifacts.put(`${prefix}/hello/metadata.json`, JSON.stringify(metadata));
    }
  });

  it('are not read from a namespace whose prefixes do not name them: neither by a Trial nor by a build', async () => {
    const namespace = await world().makeNamespace();
    await kubectlOk(['annotate', 'namespace', namespace, `sb.abundant.ai/task-prefixes=${mine}/`]);
    const thief = ownTrial('thief', { spec: spec(theirs) }, namespace);
    const stolen = await thief.fails('TaskNotFound', /may not read/);
    expect([...(await storedKeys(stolen)).keys()].sort()).to.deep.equal(['config.json', 'result.json']);
    expect(stolen.status?.attempts ?? []).to.deep.equal([]);
    await ownTrial('owner', { spec: spec(mine) }, namespace).earns(1);

    const context = { s3: { uri: `s3://${s3.bucket}/${theirs}/hello/task.zip`, sha256: 'a'.repeat(64) } };
    const manifest = { apiVersion: API_VERSION, kind: 'TaskBuild', metadata: { namespace, name: 'thief' } };
    await world().kube.create(TaskBuildKind, { ...manifest, spec: { context } } as unknown as TaskBuild);
    const failed = await eventually('the TaskBuild fails', () => {
      const build = world().taskBuilds.get({ namespace, name: 'thief' });
      const condition = build && conditionOf(build, 'Succeeded');
      return condition?.status === 'False' ? condition : undefined;
    });
    expect(failed.reason).to.equal('ContextNotFound');
    expect(failed.message).to.contain('may not read');
  });

  it('are read from a namespace without the annotation, as the layout of the bucket says', async () => {
    const done = await ownTrial('reader', { spec: spec(theirs) }).earns(1);
    expect([...(await storedKeys(done)).keys()].join('\n')).to.match(/^output\/.*solve\.sh$/m);
  });

  it('are said by an annotation that the admin of a namespace cannot write', async () => {
    const namespace = await world().makeNamespace();
    await kubectlOk(['create', 'serviceaccount', 'tenant', '-n', namespace]);
    const subject = `--serviceaccount=${namespace}:tenant`;
    await kubectlOk(['create', 'rolebinding', 'tenant', '-n', namespace, '--clusterrole=admin', subject]);
    const { code, stderr } = await kubectl([
      'annotate',
      'namespace',
      namespace,
      'sb.abundant.ai/task-prefixes=tasks/',
      '--as',
      `system:serviceaccount:${namespace}:tenant`,
    ]);
    expect(code).to.not.equal(0);
    expect(stderr).to.contain('Forbidden');
  });
});
