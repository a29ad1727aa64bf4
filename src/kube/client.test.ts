import { expect } from 'chai';
import { objectPath } from './http/paths.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiServer } from '../../test/support/api-server.ts';
import { selfSigned } from '../../test/support/client/certificate.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { configMap, connectTo, until } from '../../test/support/kube.ts';
import { Wire } from '../../test/support/wire.ts';
import { createKubeClient } from './client.ts';
import type { Kube } from './connect.ts';
import { ApiError, isAlreadyExists, isConflict } from './errors.ts';
import { systemClock } from '../async/clock.ts';
import { createTransport, type ApiRequest, type Transport, type TransportOptions } from './http/transport.ts';
import { createPools } from './http/pools.ts';
import { ConfigMap, Pod } from './kinds.ts';
import { runReconciliation } from './work/reconciliation.ts';

const at = { namespace: 'default', name: 'a' };

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('client', () => {
  let server: ApiServer;
  let kube: Kube;
  const servers: ApiServer[] = [];
  const kubes: Kube[] = [];
  const open = async (...args: Parameters<typeof ApiServer.start>): Promise<ApiServer> => {
    const opened = await ApiServer.start(...args);
    servers.push(opened);
    return opened;
  };
  const link = (...args: Parameters<typeof connectTo>): Kube => {
    const linked = connectTo(...args);
    kubes.push(linked);
    return linked;
  };
  beforeEach(async () => {
    server = await open();
    kube = link(server);
  });
  afterEach(async () => {
    for (const linked of kubes.splice(0)) await linked.close();
    for (const opened of servers.splice(0)) await opened.close();
  });

  it('asks for no object without a name, which would be all of them', async () => {
    for (const name of ['', '.', '..'])
      expect(() => objectPath(Pod, { namespace: 'a', name })).to.throw(`pods: "${name}" is no name`);
  });

  it('creates, reads, replaces, patches, applies and deletes', async () => {
    const { client } = kube;
    const created = await client.create(ConfigMap, configMap('a', { x: '1' }));
    expect(created.metadata.uid).to.be.a('string');
    await client.replace(ConfigMap, { ...created, data: { x: '2' } });
    await client.patch(ConfigMap, at, { data: { y: '3' } });
    expect((await client.get(ConfigMap, at))?.data).to.deep.equal({ x: '2', y: '3' });
    await client.apply(ConfigMap, configMap('b', { z: '4' }));
    expect((await client.list(ConfigMap)).map(({ metadata }) => metadata.name)).to.deep.equal(['a', 'b']);
    expect(await client.delete(ConfigMap, at)).to.equal(true);
    expect(await client.delete(ConfigMap, at)).to.equal(false);
    expect(await client.get(ConfigMap, at)).to.equal(undefined);
  });

  it('leaves all connections that may be dead once one of them gave no answer', async () => {
    const wire = await Wire.start(server.url);
    const kubeConfig = server.kubeConfig({ server: wire.url });
    const { client } = link(server, { kubeConfig, requestTimeoutMs: 1500 });
    await Promise.all([1, 2, 3].map(() => client.get(ConfigMap, at)));
    expect(wire.connections).to.equal(3);
    wire.forget();
    expect((await failure(client.create(ConfigMap, configMap('a')))).reason).to.equal('NoAnswer');
    await client.create(ConfigMap, configMap('a'));
    await wire.close();
  });

  it('says of listed objects what they are', async () => {
    await kube.client.create(ConfigMap, configMap('a'));
    const [listed] = await kube.client.list(ConfigMap, { namespace: 'default' });
    expect(listed).to.include({ apiVersion: 'v1', kind: 'ConfigMap' });
  });

  it('sends the content types that the API server tells patches apart by', async () => {
    const types: unknown[] = [];
    const pools = createPools();
    const transport = createTransport({ ...transportOptions(server), pools });
    const send: typeof transport.send = (request) => {
      types.push([request.method, request.contentType, new URL(request.path, server.url).search]);
      return transport.send(request);
    };
    const client = createKubeClient({ transport: { ...transport, send } });
    await client.apply(ConfigMap, configMap('a'));
    await client.patch(ConfigMap, at, { data: {} });
    await pools.close();
    expect(types).to.deep.equal([
      ['PATCH', 'application/apply-patch+yaml', '?fieldManager=sb-operator&force=true'],
      ['PATCH', 'application/merge-patch+json', ''],
    ]);
  });

  it('applies as the owner of fields that it was connected as', async () => {
    const { client } = link(server, { fieldManager: 'sb' });
    await client.apply(ConfigMap, configMap('a'));
    expect(server.requests.at(-1)?.query.get('fieldManager')).to.equal('sb');
  });

  it('rejects a write from a stale read with Conflict (fault 9)', async () => {
    const { client } = kube;
    const old = await client.create(ConfigMap, configMap('a'));
    await client.replace(ConfigMap, { ...old, data: { x: '1' } });
    expect(isConflict(await failure(client.replace(ConfigMap, { ...old, data: { x: '2' } })))).to.equal(true);
  });

  it('replaces a status and nothing else', async () => {
    const { client } = kube;
    const job = { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', namespaced: true };
    const made = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { namespace: 'default', name: 'a' },
      spec: { a: 1 },
    };
    const created = await client.create(job, made);
    await client.replaceStatus(job, { ...created, spec: { a: 2 }, status: { active: 1 } } as typeof created);
    expect(await client.get(job, at)).to.deep.include({ spec: { a: 1 }, status: { active: 1 } });
  });

  it('sends nothing but the status where it replaces one', async () => {
    const sent: ApiRequest[] = [];
    const transport = { send: async (request: ApiRequest) => (sent.push(request), '{}') } as Transport;
    const metadata = { ...at, uid: 'u', resourceVersion: '7', labels: { a: 'b' } };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { large: true }, status: { phase: 'x' } };
    await createKubeClient({ transport }).replaceStatus(Pod, pod as unknown as Pod);
    expect(sent.map(({ path, body }) => [path, JSON.parse(body ?? '')])).to.deep.equal([
      [
        '/api/v1/namespaces/default/pods/a/status',
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { ...at, uid: 'u', resourceVersion: '7' },
          status: { phase: 'x' },
        },
      ],
    ]);
  });

  it('deletes only the object of the given UID (fault 25)', async () => {
    const { client } = kube;
    const created = await client.create(ConfigMap, configMap('a'));
    expect(await client.delete(ConfigMap, at, { uid: 'of-an-earlier-one' })).to.equal(false);
    expect(await client.delete(ConfigMap, at, { uid: created.metadata.uid ?? '' })).to.equal(true);
  });

  it('leaves a create whose reply was lost to the caller, who finds the object by its name (fault 10)', async () => {
    server.faults.add({ on: ({ method }) => method === 'POST', fault: { kind: 'lose-reply' } });
    const lost = await failure(kube.client.create(ConfigMap, configMap('a')));
    expect(lost).to.include({ status: 0, reason: 'Unreachable' });
    expect(server.requests.filter(({ method }) => method === 'POST')).to.have.length(1);
    expect(isAlreadyExists(await failure(kube.client.create(ConfigMap, configMap('a'))))).to.equal(true);
    expect(await kube.client.get(ConfigMap, at)).not.to.equal(undefined);
  });

  it('repeats a read whose connection was dropped, but no write (fault 7)', async () => {
    await kube.client.create(ConfigMap, configMap('a'));
    server.faults.add({ fault: { kind: 'drop' }, times: 2 });
    expect(await kube.client.get(ConfigMap, at)).not.to.equal(undefined);
    server.faults.add({ fault: { kind: 'drop' } });
    expect(await failure(kube.client.patch(ConfigMap, at, {}))).to.include({ reason: 'Unreachable' });
  });

  it('waits as long as a 429 says, then sends the request again (fault 8)', async () => {
    const on = ({ method }: { method: string }): boolean => method === 'POST';
    server.faults.add({ on, fault: { kind: 'status', status: 429, retryAfterSeconds: 1 } });
    const began = performance.now();
    await kube.client.create(ConfigMap, configMap('a'));
    expect(performance.now() - began).to.be.above(990);
  });

  it('does not send a write again once another replica may be leader', async () => {
    server.faults.add({
      fault: { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 },
    });
    let leads = true;
    const { signal } = new AbortController();
    const reconciliation = { signal, mayWrite: () => leads, wrote: () => undefined };
    const write = failure(
      runReconciliation(reconciliation, () => kube.client.create(ConfigMap, configMap('a'))),
    );
    await until('it was refused', () => server.requests.length === 1);
    leads = false;
    expect(await write).to.include({ reason: 'NotLeader' });
    expect(server.requests).to.have.length(1);
  });

  it('does not send a write that waited for a connection until another replica may be leader', async () => {
    const isGet = ({ method }: { method: string }): boolean => method === 'GET';
    server.faults.add({ on: isGet, fault: { kind: 'slow', ms: 300 }, times: 32 });
    const reads = Array.from({ length: 32 }, () => kube.client.get(ConfigMap, at));
    await until('all connections are busy', () => server.requests.length === 32);
    let leads = true;
    const { signal } = new AbortController();
    const reconciliation = { signal, mayWrite: () => leads, wrote: () => undefined };
    const refused = runReconciliation(reconciliation, () =>
      failure(kube.client.create(ConfigMap, configMap('a'))),
    );
    await new Promise((resolve) => setImmediate(resolve));
    leads = false;
    expect(await refused).to.include({ reason: 'NotLeader' });
    await Promise.all(reads);
    expect(server.requests.filter((request) => !isGet(request))).to.deep.equal([]);
    // The connection is as good as before.
    await kube.client.create(ConfigMap, configMap('b'));
    expect(server.connections).to.equal(32);
  });

  it('does not repeat a failure that names no time to wait', async () => {
    server.faults.add({ fault: { kind: 'status', status: 503 } });
    expect(await failure(kube.client.get(ConfigMap, at))).to.include({ status: 503 });
    expect(server.requests).to.have.length(1);
  });

  it('keeps lease requests free of the waits and connections of others (fault 8)', async () => {
    const on = ({ path }: { path: string }): boolean => path.includes('configmaps');
    server.faults.add({ on, fault: { kind: 'stall' }, times: 100 });
    let ended = 0;
    const stuck = Array.from({ length: 40 }, () =>
      kube.client
        .get(ConfigMap, at)
        .catch(() => undefined)
        .finally(() => (ended += 1)),
    );
    const leases = await kube.leaseClient.raw('/apis/coordination.k8s.io/v1/leases');
    expect(leases).to.have.property('items').that.is.empty;
    expect(ended, 'requests of others that have ended').to.equal(0);
    await kube.close();
    await Promise.all(stuck);
  });

  it('gives up on an answer that never comes', async () => {
    server.faults.add({ fault: { kind: 'stall' }, times: 9 });
    const pools = createPools();
    const transport = createTransport({ ...transportOptions(server), pools, timeoutMs: 50 });
    const client = createKubeClient({ transport });
    expect(await failure(client.get(ConfigMap, at))).to.include({ status: 0, reason: 'NoAnswer' });
    await pools.close();
  });

  it('re-reads the token once when it was rotated and the old one is refused (fault 11)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'token-'));
    const tokenFile = join(folder, 'token');
    const tokens = new Set(['old']);
    const guarded = await open({ tokens });
    writeFileSync(tokenFile, 'old');
    const { client } = link(guarded, { kubeConfig: guarded.kubeConfig({ tokenFile }) });
    await client.list(ConfigMap);
    tokens.clear();
    tokens.add('new');
    writeFileSync(tokenFile, 'new');
    await Promise.all([client.list(ConfigMap), client.create(ConfigMap, configMap('a'))]);
    tokens.clear();
    const before = guarded.requests.length;
    expect(await failure(client.list(ConfigMap))).to.include({ status: 401, reason: 'Unauthorized' });
    expect(guarded.requests.length - before).to.equal(2);
    rmSync(folder, { recursive: true });
  });

  it('asks for a new token of our own making once a minute, and after a refusal, and says nothing of the kubeconfig’s user', async () => {
    const clock = new ManualClock();
    const tokens = new Set(['t0']);
    const guarded = await open({ tokens });
    let made = 0;
    const kubeConfig = guarded.kubeConfig({ token: 'of-the-kubeconfig' });
    const { client } = link(guarded, { kubeConfig, clock, token: async () => `t${made++}` });
    const shown = () => guarded.requests.map(({ authorization }) => authorization);
    await client.list(ConfigMap);
    await client.list(ConfigMap);
    expect(shown()).to.deep.equal(['Bearer t0', 'Bearer t0']);
    tokens.add('t1');
    clock.stall(60_000);
    await client.list(ConfigMap);
    expect(shown().at(-1)).to.equal('Bearer t1');
    tokens.clear();
    tokens.add('t2');
    await client.list(ConfigMap);
    expect(shown().slice(-2)).to.deep.equal(['Bearer t1', 'Bearer t2']);
  });

  it('serves a thousand calls over a few connections (regression: one TLS connection a call)', async () => {
    const secure = await open({ tls: selfSigned() });
    const { client } = link(secure);
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 100 }, () => client.get(ConfigMap, at)));
    }
    expect(secure.requests).to.have.length(1000);
    expect(secure.connections).to.be.at.most(32);
  });

  it('starts a list anew when its continue token died in a compaction (fault 4)', async () => {
    const objects = server.collection(ConfigMap);
    for (let i = 0; i < 1200; i++) objects.create(configMap(`m${i}`));
    const listing = kube.client.list(ConfigMap);
    while (server.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    server.compact();
    expect(new Set((await listing).map(({ metadata }) => metadata.name)).size).to.equal(1200);
  });

  it('reports every answer to the metrics', async () => {
    await kube.client.get(ConfigMap, at);
    const text = await kube.metrics.registry.metrics();
    expect(text).to.include('rest_client_requests_total{method="GET",code="404"} 1');
  });
});

function transportOptions(server: ApiServer): Omit<TransportOptions, 'pools'> {
  return {
    server: server.url,
    lane: 'rest',
    timeoutMs: 5000,
    maxRetries: 0,
    credentials: {
      current: async () => ({ headers: {}, tls: {} }),
      refresh: async () => ({ headers: {}, tls: {} }),
    },
    clock: systemClock,
    random: () => 0,
  };
}
