import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import { request as httpsRequest, Agent } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { Registry } from 'prom-client';
import type { Assignment } from '../wire/assignment.ts';
import { GRANT_SECONDS, type UploadResponse } from '../wire/uploads.ts';
import { aMetadata, NO_RULES } from '../../test/support/builders/objects.ts';
import { namespaceRules } from '../crds/namespace-rules.ts';
import type { NamespaceRules } from '../crds/namespace-rules.ts';
import { Secret } from '../kube/kinds.ts';
import type { Log } from '../kube/types.ts';
import { memoryArtifactStore } from '../providers/artifact-store/memory.ts';
import { ProviderError } from '../providers/errors.ts';
import { TaskReader } from '../task-source/read.ts';
import { subjects } from './identity/subjects.ts';
import { tokenVerifier } from './identity/token.ts';
import { brokerMetrics } from './metrics.ts';
import { startBroker } from './server.ts';
import type { Broker } from './server.ts';
import {
  BROKER_NAME,
  cacheOf,
  INSTALLED,
  NO_SANDBOXES,
  podClaims,
  signingKey,
  TestCluster,
} from '../../test/support/broker/cluster.ts';
import {
  buildJob,
  buildPod,
  taskBuild,
  trialJob,
  trialPod,
  trialWith,
} from '../../test/support/broker/objects.ts';
import { brokerCertificate } from './tls/certificates.ts';
import type { BrokerCertificate } from './tls/certificates.ts';

interface Sent {
  method?: string;
  path: string;
  token?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

interface Received {
  status: number;
  json: Record<string, unknown>;
  connection: string | undefined;
  /** Serial number of the certificate that the connection began with. */
  serial: string;
}

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

describe('broker', () => {
  const trial = trialWith();
  let key: Awaited<ReturnType<typeof signingKey>>;
  let cluster: TestCluster;
  let certificate: BrokerCertificate;
  let store: ReturnType<typeof memoryArtifactStore>;
  let fault: (operation: string) => ProviderError | undefined;
  let gate: Promise<void>;
  let rules: NamespaceRules;
  let registry: Registry;
  let broker: Broker;
  let agent: Agent;
  let trialToken: string;
  let buildToken: string;
  const now = () => new Date();

  before(async () => {
    key = await signingKey('rsa-1');
    trialToken = await key.sign(podClaims(now()));
    buildToken = await key.sign(podClaims(now(), { name: buildPod.metadata.name, uid: 'pod-uid' }));
  });

  beforeEach(async () => {
    cluster = new TestCluster();
    cluster.jwks = [key.jwk];
    fault = () => undefined;
    gate = Promise.resolve();
    rules = NO_RULES;
    store = memoryArtifactStore({ fault: (operation) => fault(operation) });
    const get = store.get.bind(store);
    store.get = async (name, max) => {
      await gate;
      return get(name, max);
    };
    certificate = await brokerCertificate({ kube: cluster.kube, ...INSTALLED, now, log: quiet });
    registry = new Registry();
    const ofTrials = {
      pods: cacheOf(trialPod(trial), buildPod),
      jobs: cacheOf(trialJob(trial), buildJob),
      trials: cacheOf(trial),
    };
    broker = await startBroker({
      port: 0,
      host: '127.0.0.1',
      certificate,
      tokens: tokenVerifier({ kube: cluster.kube, now }),
      subjects: subjects({
        kube: cluster.kube,
        ...ofTrials,
        taskBuilds: cacheOf(taskBuild),
        ...NO_SANDBOXES,
        now,
      }),
      tasks: new TaskReader({ kube: cluster.kube, artifacts: store, rulesOf: async () => rules }),
      now,
      store,
      egress: async () => ({ allowed: [], refused: [] }),
      rulesOf: async () => rules,
      presignSeconds: 300,
      probePort: 8444,
      modelPrices: [],
      sandbox: { kube: cluster.kube, brokerName: BROKER_NAME, ...NO_SANDBOXES, ...ofTrials },
      log: quiet,
      metrics: brokerMetrics(registry),
    });
    agent = new Agent({ keepAlive: true, maxSockets: 1, ca: certificate.ca() });
  });

  afterEach(async () => {
    agent.destroy();
    await broker.close();
  });

  const send = ({ method = 'GET', path, token, body, headers }: Sent, by = agent): Promise<Received> =>
    new Promise((resolve, reject) => {
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const options = {
        host: 'localhost',
        port: broker.port,
        method,
        path,
        agent: by,
        headers: { ...authorization, ...headers },
      };
      const request = httpsRequest(options, (response) => {
        const parts: Buffer[] = [];
        const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const json = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
          resolve({
            status: response.statusCode ?? 0,
            json,
            connection: response.headers.connection,
            serial,
          });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  const assignment = (): Promise<Received> => send({ path: '/v1/assignment', token: trialToken });
  const upload = (body: string): Promise<Received> =>
    send({ method: 'POST', path: '/v1/uploads', token: trialToken, body });
  const taskZip = async (): Promise<void> => {
    await store.put('tasks/local/hello/0123456789ab/task.zip', 'zip');
    await store.put('tasks/local/hello/0123456789ab/metadata.json', JSON.stringify(aMetadata()));
  };

  it('gives a Trial’s courier its assignment, with a URL of the task that works', async () => {
    await taskZip();
    const { status, json } = await assignment();
    expect(status).to.equal(200);
    const { trial: whose, task } = json as unknown as Assignment;
    expect(whose).to.deep.equal({ namespace: 'evals', name: 'solve', uid: trial.metadata.uid, attempt: 1 });
    const url = task.source.kind === 'archive' ? task.source.url : '';
    expect((await store.send({ method: 'GET', url, headers: {} })).status).to.equal(200);
  });

  it('answers 404 with the URI where the task is not there', async () => {
    expect(await assignment()).to.deep.include({
      status: 404,
      json: {
        error:
          'there is no object s3://memory/tasks/local/hello/0123456789ab/metadata.json; store the task again with sb task push or sb cloud run',
      },
    });
  });

  it('gives URLs in the order of the files, each good for its own file alone', async () => {
    const files = ['agent/a.txt', 'manifest.json'].map((path) => ({
      path,
      size: 5,
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    }));
    const { uploads } = (await upload(JSON.stringify({ files }))).json as unknown as UploadResponse;
    const counted = await registry.metrics();
    expect(counted)
      .to.contain('sb_broker_upload_files_total 2')
      .and.to.contain('sb_broker_upload_bytes_total 10');
    for (const { url } of uploads)
      expect(new URL(url).searchParams.get('X-Amz-Expires')).to.equal(String(GRANT_SECONDS));
    const put = (granted: UploadResponse['uploads'][number] | undefined, text: string) =>
      store.send({
        method: 'PUT',
        url: granted?.url ?? '',
        headers: granted?.headers ?? {},
        body: Buffer.from(text),
      });
    expect((await put(uploads[1], 'hello')).status).to.equal(200);
    expect((await put(uploads[0], 'hullo')).status).to.equal(400);
    const stored = await Array.fromAsync(store.list(''));
    expect(stored.map((object) => object.key)).to.deep.equal(['trials/run-1/solve__0a1b2c3/manifest.json']);
  });

  it('costs the API server two reads for all couriers together: issuer and keys', async () => {
    await taskZip();
    cluster.calls.length = 0;
    const body = JSON.stringify({ files: [{ path: 'agent/a.txt', size: 1, sha256: '0'.repeat(64) }] });
    for (let courier = 0; courier < 20; courier++)
      expect([(await assignment()).status, (await upload(body)).status]).to.deep.equal([200, 200]);
    expect(cluster.calls).to.deep.equal(['raw /.well-known/openid-configuration', 'raw /openid/v1/jwks']);
  });

  it('refuses a file outside the Trial’s prefix', async () => {
    const files = [{ path: 'agent/../../other__1/result.json', size: 1, sha256: 'a'.repeat(64) }];
    expect(await upload(JSON.stringify({ files }))).to.include({ status: 403 });
  });

  it('gives a build’s Pod its context', async () => {
    await store.put('tasks/local/hello/0123456789ab/context.zip', 'zip');
    const { status, json } = await send({ path: '/v1/context', token: buildToken });
    expect([status, json['sha256']]).to.deep.equal([200, 'a'.repeat(64)]);
    expect(json['url']).to.contain('/context.zip?');
  });

  it('gives no task and no context that the namespace may not read, and says why', async () => {
    await taskZip();
    await store.put('tasks/local/hello/0123456789ab/context.zip', 'zip');
    const annotations = { 'sb.abundant.ai/task-prefixes': 'tasks/team-a/' };
    rules = namespaceRules(annotations, { requirePrefixes: false });
    for (const request of [
      { path: '/v1/assignment', token: trialToken },
      { path: '/v1/context', token: buildToken },
    ]) {
      const { status, json } = await send(request);
      expect([status, json['error']]).to.deep.equal([
        403,
        `${request.path === '/v1/assignment' ? 'spec.task.s3.uri: namespace evals may not read tasks/local/hello/0123456789ab' : 'namespace evals may not read tasks/local/hello/0123456789ab/context.zip'}: the Namespace’s annotation sb.abundant.ai/task-prefixes allows tasks/team-a/`,
      ]);
    }
    rules = namespaceRules({ 'sb.abundant.ai/task-prefixes': 'tasks/local/' }, { requirePrefixes: true });
    expect(await assignment()).to.include({ status: 200 });
  });

  it('keeps Trials and builds apart', async () => {
    expect(await send({ path: '/v1/context', token: trialToken })).to.include({ status: 403 });
    expect(await send({ path: '/v1/assignment', token: buildToken })).to.include({ status: 403 });
  });

  it('answers 401 without a good token, and reads no body then', async () => {
    const body = Buffer.alloc(200_000);
    expect(await send({ path: '/v1/assignment' })).to.include({ status: 401 });
    expect(await send({ method: 'POST', path: '/v1/uploads', token: 'a.b.c', body })).to.include({
      status: 401,
    });
    expect(
      await send({ path: '/v1/assignment', headers: { authorization: `Basic ${trialToken}` } }),
    ).to.include({
      status: 401,
    });
  });

  it('answers 404 on any other path or method', async () => {
    for (const [method, path] of [
      ['GET', '/'],
      ['POST', '/v1/assignment'],
      ['GET', '/v1/assignment/'],
      ['GET', '/v1/uploads'],
    ] as const)
      expect(await send({ method, path, token: trialToken })).to.include({ status: 404 });
  });

  it('answers 413 to a body over 1 MiB, announced or not', async () => {
    const body = Buffer.alloc(1024 ** 2 + 1, 32);
    const request = { method: 'POST', path: '/v1/uploads', token: trialToken, body };
    expect(await send(request)).to.include({ status: 413 });
    const chunked = { 'transfer-encoding': 'chunked' };
    expect(await send({ ...request, headers: chunked })).to.include({ status: 413 });
  });

  it('answers 400 to a body that is not JSON', async () => {
    expect(await upload('{"files":')).to.include({ status: 400 });
  });

  it('answers 503 while the store or the API server fails, without saying more', async () => {
    fault = () => new ProviderError('AccessDenied', 'https://s3/secret?X-Amz-Signature=1');
    expect(await assignment()).to.deep.include({
      status: 503,
      json: { error: 'the artifact store: AccessDenied' },
    });
    cluster.down = true;
    const stranger = await key.sign(podClaims(now(), { name: 'elsewhere', uid: 'unknown' }));
    expect(await send({ path: '/v1/assignment', token: stranger })).to.include({ status: 503 });
  });

  it('serves eight requests of a Pod at the same time, and asks the others to come again', async () => {
    await taskZip();
    const opened = Promise.withResolvers<void>();
    gate = opened.promise;
    const many = new Agent({ ca: certificate.ca(), maxSockets: 20 });
    const asked = Array.from({ length: 12 }, () => send({ path: '/v1/assignment', token: trialToken }, many));
    const refusals: number[] = [];
    const settled = asked.map(async (answer) => {
      const { status } = await answer;
      if (status === 503 && refusals.push(status) === 4) opened.resolve();
      return status;
    });
    const served = (await Promise.all(settled)).filter((status) => status === 200);
    many.destroy();
    expect(served).to.have.length(8);
    expect(await assignment()).to.include({ status: 200 });
  });

  it('answers a courier beside hundreds of connections that ask nothing', async () => {
    await taskZip();
    const idle = Array.from({ length: 400 }, () => connect({ port: broker.port, host: '127.0.0.1' }));
    for (const socket of idle) socket.on('error', () => undefined);
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    expect(await assignment()).to.include({ status: 200 });
    for (const socket of idle) socket.destroy();
  });

  it('refuses TLS 1.2 and clients that do not trust its CA', async () => {
    const old = new Agent({ ca: certificate.ca(), maxVersion: 'TLSv1.2' });
    const distrustful = new Agent({});
    for (const by of [old, distrustful])
      expect(await send({ path: '/v1/assignment' }, by).catch((error: unknown) => error)).to.be.instanceOf(
        Error,
      );
  });

  it('changes its certificate under open connections without dropping one', async () => {
    const first = await send({ path: '/v1/assignment' });
    const secret = cluster.found(Secret, { namespace: INSTALLED.namespace, name: INSTALLED.secret });
    cluster.put(Secret, { ...(secret as Secret), data: { ...secret?.data, 'tls.crt': '' } });
    await certificate.refresh();
    const fresh = new Agent({ ca: certificate.ca() });
    expect((await send({ path: '/v1/assignment' })).serial).to.equal(first.serial);
    expect((await send({ path: '/v1/assignment' }, fresh)).serial).to.not.equal(first.serial);
  });

  it('lets a running request end before it closes, and takes no new one', async () => {
    await taskZip();
    const opened = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    fault = () => undefined;
    gate = opened.promise;
    const get = store.get.bind(store);
    store.get = (name, max) => {
      reached.resolve();
      return get(name, max);
    };
    const running = assignment();
    await reached.promise;
    const closed = broker.close();
    const late = await send({ path: '/v1/assignment' }, new Agent({ ca: certificate.ca() })).catch(
      (error: unknown) => error,
    );
    expect(late).to.include({ code: 'ECONNREFUSED' });
    opened.resolve();
    expect(await running).to.include({ status: 200, connection: 'close' });
    await closed;
  });

  it('counts answers by route and status, and refusals by reason', async () => {
    await taskZip();
    await assignment();
    await send({ path: '/v1/assignment' });
    await send({ path: '/favicon.ico' });
    const text = await registry.metrics();
    expect(text).to.contain('sb_broker_requests_total{route="GET /v1/assignment",code="200"} 1');
    expect(text).to.contain('sb_broker_requests_total{route="none",code="404"} 1');
    expect(text).to.contain('sb_broker_refusals_total{reason="NoToken"} 1');
  });
});
