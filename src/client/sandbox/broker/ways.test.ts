import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { kubeconfigFor } from '../../../../test/support/client/api.ts';
import { eventuallyTrue } from '../../../../test/support/eventually.ts';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import {
  frontOf,
  published,
  testBroker,
  type Front,
  type TestBroker,
} from '../../../../test/support/sandbox/broker.ts';
import { TestCourier } from '../../../../test/support/sandbox/courier.ts';
import { aSandbox } from '../../../../test/support/sandbox/objects.ts';
import { Sandbox as SandboxKind } from '../../../crds/kinds.ts';
import { CLIENT_CONFIG, INSTALLED_IN, OPERATOR, OPERATOR_LABELS } from '../../../installation/names.ts';
import { ConfigMap, Pod } from '../../../kube/kinds.ts';
import { ClusterRole } from '../../session/client-config.ts';
import { openSession } from '../../session/session.ts';
import type { Session } from '../../session/types.ts';
import { attachSandbox } from '../environment.ts';
import { type BrokerUnreachable, NotAllowed, SandboxNotReady } from '../errors.ts';
import { Broker } from './broker.ts';

const { namespace } = OPERATOR;

describe('The way to the broker', () => {
  let api: ApiServer;
  let courier: TestCourier;
  let broker: TestBroker;
  let front: Front;
  let folder: Folder;
  const sessions: Session[] = [];
  beforeEach(async () => {
    courier = new TestCourier('/nowhere');
    [api, broker] = await Promise.all([ApiServer.start(), testBroker(courier)]);
    front = await frontOf(api.url, broker);
    folder = await folderOf({ config: kubeconfigFor(front.url), token: 'from a file\n' });
    publish(broker.ca);
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace, name: 'operator-1', labels: OPERATOR_LABELS },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    };
    api.collection(Pod).objects.set(`${namespace}/operator-1`, pod);
    api.collection(SandboxKind).objects.set('default/box', aSandbox());
  });
  afterEach(async () => {
    courier.close();
    for (const session of sessions.splice(0)) await session.close();
    front.close();
    broker.close();
    await api.close();
    await folder.remove();
  });

  const publish = (ca: string): void => {
    for (const map of published(ca))
      api.collection(ConfigMap).objects.set(`${namespace}/${map.metadata.name}`, map);
  };
  const session = (env: Record<string, string> = {}): Session => {
    const io = { env: { HOME: folder.path, ...env }, cwd: folder.path, now: () => new Date() };
    const opened = openSession({ kubeconfig: join(folder.path, 'config') }, io);
    sessions.push(opened);
    return opened;
  };
  const hello = async (env?: Record<string, string>): Promise<string | undefined> => {
    const environment = attachSandbox(session(env), 'box');
    try {
      expect((await environment.runCommand('echo hello')).stdout).to.equal('hello\n');
      return environment.way;
    } finally {
      environment.close();
    }
  };
  const failure = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => error,
    );

  it('is the configured URL, where there is one, whatever that calls the host', async () => {
    expect(await hello({ SB_BROKER_URL: broker.url })).to.equal('url');
    expect(front.passed).to.deep.equal([]);
    expect(broker.asked).to.deep.equal([{ token: 't', certificate: false }]);
  });

  it('is no URL that shows another CA’s certificate', async () => {
    const other = await testBroker(courier);
    expect(await hello({ SB_BROKER_URL: other.url })).to.equal('api-server');
    expect(other.asked).to.deep.equal([]);
    other.close();
  });

  it('is the API server’s proxy otherwise, with the token in the body', async () => {
    expect(await hello()).to.equal('api-server');
    expect(front.passed).to.deep.equal(['proxy']);
    expect(broker.asked).to.deep.equal([{ token: 't', certificate: false }]);
  });

  it('is a port-forward where the proxy is forbidden', async () => {
    front.forbids.proxy = true;
    expect(await hello()).to.equal('port-forward');
  });

  it('is one connection for the session and the WebSocket after it', async () => {
    expect(await hello({ SB_BROKER_URL: broker.url })).to.equal('url');
    expect(broker.connections()).to.equal(1);
    front.forbids.proxy = true;
    expect(await hello()).to.equal('port-forward');
    expect(front.passed.filter((way) => way === 'port-forward')).to.have.length(1);
  });

  it('is open before the Sandbox is ready, which is then asked for a session at once', async () => {
    const stored = api.collection(SandboxKind);
    stored.update(aSandbox('PullingImage'), 'status');
    const environment = attachSandbox(session({ SB_BROKER_URL: broker.url }), 'box');
    const ready = environment.init();
    await eventuallyTrue('the way is open', async () => broker.connections() === 1);
    expect(broker.asked).to.deep.equal([]);
    stored.update(aSandbox('Ready'), 'status');
    await ready;
    expect([broker.connections(), broker.asked.length]).to.deep.equal([1, 1]);
    environment.close();
  });

  it('is opened again where the broker has closed it meanwhile', async () => {
    const stored = api.collection(SandboxKind);
    stored.update(aSandbox('PullingImage'), 'status');
    const environment = attachSandbox(session({ SB_BROKER_URL: broker.url }), 'box');
    const ready = environment.init();
    await eventuallyTrue('the way is open', async () => broker.connections() === 1);
    Object.assign(front.forbids, { proxy: true, portForward: true });
    broker.cut();
    stored.update(aSandbox('Ready'), 'status');
    await ready;
    expect(environment.way).to.equal('url');
    environment.close();
  });

  it('is tried again where a port-forward leads to a replica that is gone, and costs nobody but its own attempt', async () => {
    front.forbids.proxy = true;
    const environment = attachSandbox(session(), 'box');
    await environment.init();
    const running = environment.runCommand('for i in 1 2 3; do echo $i; sleep 0.5; done');
    front.deadForwards.push(0, 100);
    const cutting = setInterval(() => courier.cut('look'), 300);
    expect((await running).stdout).to.equal('1\n2\n3\n');
    clearInterval(cutting);
    expect(front.deadForwards).to.deep.equal([]);
    environment.close();
  });

  it('is kept once it was found', async () => {
    front.forbids.proxy = true;
    const shared = session();
    const [one, other] = [attachSandbox(shared, 'box'), attachSandbox(shared, 'box')];
    await one.init();
    const before = front.passed.filter((way) => way === 'proxy').length;
    await other.init();
    expect(front.passed.filter((way) => way === 'proxy')).to.have.length(before);
    one.close();
    other.close();
  });

  it('brings a token from a file, which a Pod has mounted for it', async () => {
    await hello({ SB_BROKER_URL: broker.url, SB_TOKEN_FILE: join(folder.path, 'token') });
    expect(broker.asked[0]).to.include({ token: 'from a file' });
  });

  it('survives a replica that ends, with nothing lost', async () => {
    const environment = attachSandbox(session({ SB_BROKER_URL: broker.url }), 'box');
    const running = environment.runCommand('for i in 1 2 3; do echo $i; sleep 0.3; done');
    const cutting = setInterval(() => courier.cut('reconnect'), 200);
    expect((await running).stdout).to.equal('1\n2\n3\n');
    clearInterval(cutting);
    expect(courier.greetings.length).to.be.above(2);
    environment.close();
  });

  it('is not looked for any further where the broker itself says no', async () => {
    broker.refusals.push({
      status: 403,
      refusal: { error: 'you may not create sandboxes/exec', reason: 'NotAllowed' },
    });
    const error = await failure(hello({ SB_BROKER_URL: broker.url }));
    expect(error).to.be.instanceOf(NotAllowed).and.to.include({ code: 'SB-E104' });
    expect(front.passed).to.deep.equal([]);
  });

  it('brings what the broker says of a Sandbox that waits for a change', async () => {
    const ready = { reason: 'OOMKilled', message: 'it exceeded its limit' };
    broker.refusals.push({ status: 409, refusal: { error: 'not ready', reason: 'NotReady', ready } });
    const error = await failure(hello({ SB_BROKER_URL: broker.url }));
    expect(error).to.be.instanceOf(SandboxNotReady).and.to.include({ reason: 'OOMKilled' });
  });

  it('is tried again with a token that was read anew, where the broker does not know it', async () => {
    broker.refusals.push({ status: 401, refusal: { error: 'expired', reason: 'BadToken' } });
    expect(await hello({ SB_BROKER_URL: broker.url })).to.equal('url');
    expect(broker.asked).to.have.length(2);
  });

  it('names all ways where none leads there', async () => {
    Object.assign(front.forbids, { proxy: true, portForward: true });
    const ways = new Broker(session({ SB_BROKER_URL: 'https://127.0.0.1:1' }));
    const connect = ways.connections({ namespace: 'default', name: 'box' });
    const error = await failure(connect(new AbortController().signal));
    expect((error as BrokerUnreachable).why)
      .to.match(/^url: .*ECONNREFUSED/m)
      .and.to.match(/api-server: 403: no services\/proxy/)
      .and.to.match(/port-forward: .*403/);
  });

  it('is looked for without using it: what comes of each, in their order', async () => {
    front.forbids.proxy = true;
    const refusal = { error: 'there is none', reason: 'NoSuchSandbox' };
    broker.refusals.push({ status: 404, refusal });
    const looked = await new Broker(session({ SB_BROKER_URL: 'https://127.0.0.1:1' })).look(
      { namespace: 'default', name: 'none' },
      new AbortController().signal,
    );
    expect(looked.map(({ way }) => way)).to.deep.equal(['url', 'api-server', 'port-forward']);
    expect(looked[0]?.why).to.include('ECONNREFUSED');
    expect(looked[1]?.why).to.include('403');
    expect(looked[2]).to.deep.equal({
      way: 'port-forward',
      refused: { status: 404, message: 'there is none' },
    });
  });

  it('is never one into the default namespace where the operator is in another: that may be anybody’s', async () => {
    const metadata = { name: CLIENT_CONFIG, annotations: { [INSTALLED_IN]: 'platform' } };
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata };
    api.collection(ClusterRole).objects.set(`/${CLIENT_CONFIG}`, role);
    for (const env of [{}, { SB_BROKER_URL: broker.url }, { KUBERNETES_SERVICE_HOST: '127.0.0.1' }])
      expect(await failure(hello(env))).to.include({
        code: 'SB-E008',
        why: 'there is no ConfigMap sb-client in namespace platform',
      });
    expect(broker.asked).to.deep.equal([]);
    expect(front.passed).to.deep.equal([]);
  });

  it('leads not through the proxy without a token, which takes no client certificate along', async () => {
    const config = JSON.parse(kubeconfigFor(front.url)) as { users: { user: object }[] };
    for (const user of config.users) user.user = {};
    await writeFile(join(folder.path, 'config'), JSON.stringify(config));
    expect(await hello()).to.equal('port-forward');
    expect(front.passed).not.to.include('proxy');
  });
});
