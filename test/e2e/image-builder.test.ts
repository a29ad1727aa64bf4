import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { KubeConfig, type V1StatefulSetSpec } from '@kubernetes/client-node';
import { configMapHash } from '../../src/crds/content.ts';
import { API_VERSION } from '../../src/crds/names.ts';
import { OPERATOR, operatorUser } from '../../src/installation/names.ts';
import { connect, type Kube } from '../../src/kube/connect.ts';
import type { ConfigMap } from '../../src/kube/kinds.ts';
import { buildkitImageBuilder } from '../../src/providers/image-builder/buildkit.ts';
import { DOCKERFILES, imageBuilderContract } from '../../src/providers/image-builder/contract.ts';
import type { Build, BuildHandle, BuildState, ImageBuilder } from '../../src/providers/image-builder/port.ts';
import { dropNamespace, kubeconfig, kubectlOk, makeNamespace, needCluster } from '../support/cluster.ts';
import { recordingLog } from '../support/kube.ts';

/** Long enough for images to be pulled on a busy machine. */
const LIMIT_MS = 180_000;

let namespace = '';
let kube: Kube;
let builder: ImageBuilder;
let setting: (name: string) => string;

/** What the operator in the cluster is set to, whether or not it runs. */
async function operatorSettings(): Promise<(name: string) => string> {
  const read = async <T>(kind: string, name: string): Promise<T> =>
    JSON.parse(await kubectlOk(['get', kind, name, '-n', OPERATOR.namespace, '-o', 'json'])) as T;
  const { spec } = await read<{ spec: V1StatefulSetSpec }>('statefulset', OPERATOR.name);
  const { envFrom = [], env = [] } = spec.template.spec?.containers[0] ?? {};
  const { data } = await read<ConfigMap>('configmap', envFrom[0]?.configMapRef?.name ?? '');
  const all = { ...data, ...Object.fromEntries(env.map(({ name, value }) => [name, value])) };
  return (name) => all[name] ?? expect.fail(`the operator has no ${name}`);
}

/** Under the operator's name: admission takes the Jobs of builds from nobody else. */
function connectToCluster(): Kube {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  config.users = config.users.map((user) => ({ ...user, impersonateUser: operatorUser() }));
  return connect({ kubeConfig: config, log: recordingLog() });
}

const named = (kind: string, name: string, rest: object) => ({
  kind,
  metadata: { name, namespace },
  ...rest,
});

/** A TaskBuild to own the Jobs; cancelled, so that an operator in the cluster leaves it alone. */
async function makeOwner(name: string, context: string): Promise<Build['owner']> {
  const spec = { context: { configMap: { name: context } }, cancelled: true };
  const printed = await kubectlOk(
    ['create', '-f', '-', '-o', 'jsonpath={.metadata.uid}'],
    named('TaskBuild', name, { apiVersion: API_VERSION, spec }),
  );
  return { namespace, name, uid: printed };
}

async function prepare(dockerfile: string, change: Partial<Build> = {}): Promise<Build> {
  const token = `sb-build-${randomBytes(10).toString('hex')}`;
  const data = { Dockerfile: dockerfile };
  const files = named('ConfigMap', token, { apiVersion: 'v1', data });
  await kubectlOk(['create', '-f', '-'], files);
  return {
    token,
    owner: await makeOwner(token, token),
    attempt: 1,
    image: `${setting('SB_IMAGE_REPOSITORY')}/e2e:${token}`,
    context: { kind: 'configMap', name: token, sha256: configMapHash({ data }) },
    dockerfile: 'Dockerfile',
    platform: 'linux/amd64',
    timeoutSeconds: 300,
    ...change,
    // What a build prints in one run must not come out of the cache in the next.
    buildArgs: { NONCE: token, ...change.buildArgs },
  };
}

async function until(handle: BuildHandle, done: (state: BuildState) => boolean): Promise<BuildState> {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(500)) {
    const state = (await builder.states([handle])).get(handle.id)!;
    if (done(state)) return state;
  }
  throw new Error(`build ${handle.id} goes on and on`);
}

const end = (handle: BuildHandle): Promise<BuildState> =>
  until(handle, ({ kind }) => kind !== 'queued' && kind !== 'running');

const start = async (dockerfile: string, change?: Partial<Build>): Promise<BuildHandle> =>
  builder.start(await prepare(dockerfile, change));

const podsOf = ({ id }: BuildHandle): string[] => {
  const selector = `job-name=${id.slice(namespace.length + 1)}`;
  return ['pods', '-n', namespace, '-l', selector];
};

describe('buildkit ImageBuilder', function () {
  this.timeout(LIMIT_MS + 30_000);

  before(async function () {
    await needCluster(this);
    await kubectlOk(['apply', '--server-side', '-k', 'config/crd']);
    namespace = await makeNamespace('builds');
    kube = connectToCluster();
    setting = await operatorSettings();
    builder = buildkitImageBuilder({
      kube: kube.client,
      address: setting('SB_BUILDKIT_ADDR'),
      buildctlImage: setting('SB_BUILDCTL_IMAGE'),
      courierImage: setting('SB_COURIER_IMAGE'),
      brokerUrl: setting('SB_BROKER_URL'),
      brokerCa: () => '',
    });
  });
  after(async () => {
    await kube?.close();
    if (namespace) await dropNamespace(namespace);
  });

  imageBuilderContract(() => ({ builder, prepare, end }));

  it('says ContextNotFound for a ConfigMap that does not exist', async () => {
    const state = await end(
      await start(DOCKERFILES.good, {
        context: { kind: 'configMap', name: 'no-such-map', sha256: configMapHash({}) },
      }),
    );
    expect(state).to.include({ kind: 'failed', reason: 'ContextNotFound' });
  });

  it('says ContextMismatch where the ConfigMap was changed since it was read, and pushes nothing', async () => {
    const build = await prepare(DOCKERFILES.good);
    const changed = { data: { Dockerfile: `${DOCKERFILES.good}# changed\n` } };
    await kubectlOk(['patch', 'configmap', build.token, '-n', namespace, '--patch', JSON.stringify(changed)]);
    expect(await end(await builder.start(build))).to.include({ kind: 'failed', reason: 'ContextMismatch' });
  });

  it('says PushDenied for a repository that no registry takes', async () => {
    const image = setting('SB_IMAGE_REPOSITORY').replace(/\/.*/, '/UPPER:1');
    expect(await end(await start(DOCKERFILES.good, { image }))).to.include({
      kind: 'failed',
      reason: 'PushDenied',
    });
  });

  it('says BuilderUnavailable where the Pod of a running build is deleted', async () => {
    const handle = await start(DOCKERFILES.slow);
    await until(handle, ({ kind }) => kind === 'running');
    await kubectlOk(['delete', ...podsOf(handle), '--wait=false']);
    expect(await end(handle)).to.include({ kind: 'failed', reason: 'BuilderUnavailable' });
  });

  it('leaves no Pod behind when it stops a build', async () => {
    const handle = await start(DOCKERFILES.slow);
    await until(handle, ({ kind }) => kind === 'running');
    await builder.stop(handle);
    await kubectlOk(['wait', '--for=delete', ...podsOf(handle), '--timeout=60s']);
    expect(await kubectlOk(['get', ...podsOf(handle), '-o', 'name'])).to.equal('');
  });
});
