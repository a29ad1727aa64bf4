import { expect } from 'chai';
import { join } from 'node:path';
import type { CliError } from '../failures/error.ts';
import { fixedApi, healthy, kubeconfigFor, type FixedApi } from '../../../test/support/client/api.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import type { SessionOptions } from './types.ts';
import { explain } from '../failures/explain.ts';
import { checkReachable, preflight } from './preflight.ts';
import { withSession } from './session.ts';
import { ownVersion } from '../../installation/version.ts';
import { versionsOf } from './versions.ts';

const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const NEEDS = ['create', 'patch'].map((verb) => ({ verb, group: 'sb.abundant.ai', resource: 'trials' }));
const CLIENT = '/api/v1/namespaces/sb-system/configmaps/sb-client';

describe('A session', () => {
  let api: FixedApi;
  let folder: Folder;
  let options: SessionOptions;
  const io = recordedIo();
  const start = async (changes: Partial<FixedApi['answers']> = {}): Promise<void> => {
    api = await fixedApi({ ...healthy(), ...changes } as FixedApi['answers']);
    folder = await folderOf({ config: api.kubeconfig });
    options = { kubeconfig: join(folder.path, 'config') };
  };
  afterEach(async () => {
    await api.close();
    await folder.remove();
  });
  const failureOf = async (work: Promise<unknown>): Promise<CliError> => {
    try {
      await work;
    } catch (error) {
      return explain(error);
    }
    throw new Error('it did not fail');
  };
  const check = (more: SessionOptions = {}): Promise<void> =>
    withSession({ ...options, ...more }, io, (session) => preflight(session, NEEDS));

  it('has the namespace of the flag, else the context’s, else default', async () => {
    await start();
    const namespace = (more: SessionOptions): Promise<string> =>
      withSession({ ...options, ...more }, io, async (session) => session.namespace);
    expect(await namespace({})).to.equal('default');
    expect(await namespace({ context: 'elsewhere' })).to.equal('agents');
    expect(await namespace({ context: 'elsewhere', namespace: 'mine' })).to.equal('mine');
    // The API server would take it for all of them.
    expect((await failureOf(namespace({ namespace: '' }))).code).to.equal('SB-E009');
  });

  it('sends nothing before something is asked for', async () => {
    await start();
    await withSession(options, io, async () => undefined);
    expect(api.requests).to.deep.equal([]);
  });

  it('says that it is closed', async () => {
    await start();
    const { closed } = await withSession(options, io, async (session) => {
      expect(session.closed.aborted).to.equal(false);
      return session;
    });
    expect(closed.reason).to.have.property('message', 'the session was closed');
  });

  it('passes the preflight where everything is there and allowed', async () => {
    await start();
    await check();
    expect(api.requests.filter((request) => request === `POST ${REVIEWS}`)).to.have.length(2);
  });

  it('says SB-E002 where there is no kubeconfig, and which file it looked for', async () => {
    await start();
    const failure = await failureOf(
      withSession({}, { ...io, env: { KUBECONFIG: '/no/such/config' } }, async () => undefined),
    );
    expect(failure).to.include({ code: 'SB-E002', exit: 3 });
    expect(failure.why).to.include('/no/such/config');
  });

  it('says SB-E002 where the kubeconfig is no YAML', async () => {
    await start();
    const broken = await folderOf({ config: '{' });
    const failure = await failureOf(
      withSession({ kubeconfig: join(broken.path, 'config') }, io, async () => undefined),
    );
    await broken.remove();
    expect(failure.code).to.equal('SB-E002');
  });

  it('puts the files of KUBECONFIG together', async () => {
    await start();
    const other = await folderOf({
      config: JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        contexts: [{ name: 'third', context: { cluster: 'c', user: 'u' } }],
        clusters: [],
        users: [],
      }),
    });
    const env = { KUBECONFIG: `${join(other.path, 'config')}:/no/such:${options.kubeconfig}` };
    const contexts = await withSession({}, { ...io, env }, async ({ context, kubeParts }) => [
      context,
      ...kubeParts.kubeConfig.contexts.map(({ name }) => name),
    ]);
    await other.remove();
    expect(contexts).to.deep.equal(['test', 'third', 'test', 'elsewhere']);
  });

  it('says SB-E004 where nothing answers', async () => {
    await start();
    const dead = await folderOf({ config: kubeconfigFor('http://127.0.0.1:1') });
    const failure = await failureOf(
      withSession({ kubeconfig: join(dead.path, 'config') }, io, checkReachable),
    );
    await dead.remove();
    expect(failure).to.include({ code: 'SB-E004', exit: 3 });
    expect(failure.why).to.include('127.0.0.1:1');
  });

  it('says SB-E005 where the credentials have ended', async () => {
    await start({ '/version': { failure: 401, reason: 'Unauthorized', message: 'Unauthorized' } });
    expect((await failureOf(check())).code).to.equal('SB-E005');
  });

  it('says SB-E006 for a 403 that comes unexpected', async () => {
    const message =
      'configmaps "sb-client" is forbidden: User "jane" cannot get resource "configmaps" in API group "" in the namespace "sb-system"';
    await start({
      '/api/v1/namespaces/sb-system/secrets/sb-s3': {
        failure: 403,
        reason: 'Forbidden',
        message: message.replaceAll('configmaps', 'secrets'),
      },
    });
    const failure = await failureOf(withSession(options, io, (session) => session.store()));
    expect(failure).to.include({ code: 'SB-E006', what: 'you may not get secrets in namespace sb-system' });
  });

  it('says SB-E008 where no operator is installed, or what it says is of no use', async () => {
    await start({ [CLIENT]: undefined });
    const client = (): Promise<unknown> => withSession(options, io, (session) => session.client());
    expect((await failureOf(client())).code).to.equal('SB-E008');
    api.answers[CLIENT] = { metadata: { name: 'sb-client' }, data: { profile: 'local', bucket: 'b' } };
    const failure = await failureOf(client());
    expect(failure.why).to.equal('ConfigMap sb-client has no usable region, operatorVersion');
  });

  describe('where the operator is not in the default namespace', () => {
    const ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/sb-client';
    const THERE = CLIENT.replace('sb-system', 'platform');
    const data = { profile: 'local', bucket: 'theirs', region: 'r', operatorVersion: '1' };
    const role = (namespace: string): object => ({
      metadata: { name: 'sb-client', annotations: { 'sb.abundant.ai/installed-in': namespace } },
    });
    const client = () => withSession(options, io, (session) => session.client());
    const no = (path: string) => ({ failure: 403, reason: 'Forbidden', message: `${path} is forbidden` });

    it('finds it by what admins have said, also for somebody who may read nothing else', async () => {
      await start({ [ROLE]: role('platform'), [THERE]: { metadata: {}, data }, [CLIENT]: no('configmaps') });
      expect(await client()).to.include({ bucket: 'theirs', operatorNamespace: 'platform' });
    });

    it('believes nothing that lies in the default one, which others may have made', async () => {
      await start({ [ROLE]: role('platform'), [THERE]: undefined });
      const failure = await failureOf(client());
      expect(failure).to.include({
        code: 'SB-E008',
        why: 'there is no ConfigMap sb-client in namespace platform',
      });
    });

    it('goes nowhere for a name that is none', async () => {
      await start({ [ROLE]: role('../../secrets') });
      expect((await failureOf(client())).why).to.equal(
        'ClusterRole sb-client names "../../secrets", which is no namespace',
      );
    });

    it('takes the default one where nobody has said or may read it', async () => {
      await start({ [ROLE]: no('clusterroles') });
      expect(await client()).to.include({ bucket: 'b', operatorNamespace: 'sb-system' });
    });

    it('takes the credentials of the storage from the Secret there that it names', async () => {
      const secret = { metadata: {}, data: { AWS_ACCESS_KEY_ID: 'c2I=', AWS_SECRET_ACCESS_KEY: 'c2I=' } };
      await start({
        [ROLE]: role('platform'),
        [THERE]: { metadata: {}, data: { ...data, endpoint: 'http://127.0.0.1:1', storeSecret: 'keys' } },
        '/api/v1/namespaces/platform/secrets/keys': secret,
      });
      expect((await withSession(options, io, (session) => session.store())).uri('x')).to.equal(
        's3://theirs/x',
      );
    });
  });

  it('knows where the installation has verifiers run, and takes no other word', async () => {
    await start();
    const client = () => withSession(options, io, (session) => session.client());
    const data = { profile: 'local', bucket: 'b', region: 'r', operatorVersion: '1' };
    const say = (verifierMode: string): void =>
      void (api.answers[CLIENT] = { metadata: { name: 'sb-client' }, data: { ...data, verifierMode } });
    say('Separate');
    expect(await client()).to.have.property('verifierMode', 'Separate');
    say('separate');
    expect((await failureOf(client())).why).to.equal('ConfigMap sb-client has no usable verifierMode');
  });

  it('knows the key that the installation encrypts objects with', async () => {
    await start();
    const data = {
      profile: 'aws',
      bucket: 'b',
      region: 'us-east-1',
      operatorVersion: '1',
      kmsKeyId: 'a-key',
    };
    api.answers[CLIENT] = { metadata: { name: 'sb-client' }, data };
    const config = await withSession(options, io, (session) => session.client());
    expect(config).to.have.property('kmsKeyId', 'a-key');
  });

  it('says nothing of a namespace that it may not look at', async () => {
    await start();
    api.answers['/api/v1/namespaces/nowhere'] = { failure: 403, reason: 'Forbidden', message: 'no' };
    await check({ namespace: 'nowhere' });
  });

  it('takes the local storage’s credentials from its Secret, unless there are others', async () => {
    const data = { AWS_ACCESS_KEY_ID: 'c2I=', AWS_SECRET_ACCESS_KEY: 'c2I=' };
    await start({ '/api/v1/namespaces/sb-system/secrets/sb-s3': { metadata: { name: 'sb-s3' }, data } });
    const store = await withSession(options, io, (session) => session.store());
    expect(store.uri('x')).to.equal('s3://b/x');
    const before = api.requests.length;
    const env = { AWS_ACCESS_KEY_ID: 'own' };
    await withSession(options, { ...io, env }, (session) => session.store());
    expect(api.requests.slice(before).some((request) => request.includes('secrets'))).to.equal(false);
  });

  it('reports all versions, and what could not be found out', async () => {
    await start({ [CLIENT]: undefined });
    const versions = await versionsOf(options, io);
    expect(versions).to.deep.include({
      client: ownVersion(),
      kubernetes: 'v1.36.1',
      customResources: { served: ['sb.abundant.ai/v1alpha1'], current: true },
    });
    expect(versions.problems.join()).to.include('sb-client');
  });
});
