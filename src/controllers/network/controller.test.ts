import { expect } from 'chai';
import { aTrial, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { Sandbox as SandboxKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { LABEL } from '../../crds/names.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { Trial } from '../../crds/trial.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { ApiError } from '../../kube/errors.ts';
import { EndpointSlice, Namespace, NetworkPolicy } from '../../kube/kinds.ts';
import type { Kind, KubeClient, KubeObject } from '../../kube/types.ts';
import { byNamespace, networkController, Standing } from './controller.ts';
import { surroundingsReader } from './observe.ts';

const PUBLIC = { namespace: 'default', name: 'sb-trials-public' };

const namespace = (over: Partial<Namespace['metadata']> = {}): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'default', ...over },
});

const sandbox: Sandbox = {
  apiVersion: 'sb.abundant.ai/v1alpha1',
  kind: 'Sandbox',
  metadata: { name: 'box', namespace: 'default', uid: 'box-uid', resourceVersion: '1' },
  spec: { image: 'debian', operatingMode: 'Running', expiryAction: 'Delete', recreatePolicy: 'Never' },
};

/** A namespace with what a test puts into it, and an API server that has what the caches have. */
class World {
  readonly namespaces = new ObjectCache<Namespace>(Namespace);
  readonly trials = new ObjectCache<Trial>(TrialKind);
  readonly sandboxes = new ObjectCache<Sandbox>(SandboxKind);
  readonly policies = new ObjectCache<NetworkPolicy>(NetworkPolicy);
  readonly standing = new Standing(this.policies);
  readonly written: string[] = [];
  readonly live = new Map<string, NetworkPolicy>();
  apiServers = ['172.18.0.2'];
  addresses = ['10.9.8.7'];
  nowMs = 0;
  refusal: ApiError | undefined;
  #version = 1;

  constructor() {
    this.trials.addIndex('namespace', byNamespace);
    this.sandboxes.addIndex('namespace', byNamespace);
    this.namespaces.put(namespace());
    this.trials.put(aTrial());
  }

  readonly #kube = {
    get: async ({ kind }: Kind<KubeObject>, { name }: { name: string }) =>
      kind === EndpointSlice.kind ? { endpoints: [{ addresses: this.apiServers }] } : this.live.get(name),
    create: async (_kind: unknown, policy: NetworkPolicy) => {
      if (this.refusal) throw this.refusal;
      if (this.live.has(policy.metadata.name))
        throw new ApiError({ status: 409, reason: 'AlreadyExists', message: policy.metadata.name });
      return this.#write('create', policy);
    },
    replace: async (_kind: unknown, policy: NetworkPolicy) => {
      expect(policy.metadata.resourceVersion).to.equal(
        this.live.get(policy.metadata.name)?.metadata.resourceVersion,
      );
      return this.#write('replace', policy);
    },
  } as unknown as KubeClient;

  readonly reconcile = networkController({
    kube: this.#kube,
    namespaces: this.namespaces,
    trials: this.trials,
    sandboxes: this.sandboxes,
    policies: this.policies,
    standing: this.standing,
    surroundings: surroundingsReader({
      kube: this.#kube,
      broker: { namespace: 'sb-system', labels: { app: 'operator' }, port: 8443 },
      artifacts: { origins: async () => ['store.test:7070'] },
      allowed: [],
      addressesOf: async () => this.addresses,
      monotonic: () => this.nowMs,
    }),
  });

  /** What somebody else does to a policy, as the cache shows it. */
  put(policy: NetworkPolicy): void {
    const metadata = { ...policy.metadata, resourceVersion: String(++this.#version) };
    const stored = { ...policy, metadata };
    this.live.set(metadata.name, stored);
    if (metadata.labels?.[LABEL.network] === undefined) this.policies.remove(stored);
    else this.policies.put(stored);
  }

  remove(name: string): void {
    const policy = this.live.get(name);
    this.live.delete(name);
    if (policy) this.policies.remove(policy);
  }

  #write(verb: string, policy: NetworkPolicy): NetworkPolicy {
    this.written.push(`${verb} ${policy.metadata.name}`);
    this.put(policy);
    return policy;
  }

  pass() {
    return this.reconcile({ namespace: '', name: 'default' }, new AbortController().signal);
  }

  /** Everything that was written since the last time. */
  news(): string[] {
    return this.written.splice(0).sort();
  }
}

describe('the network controller', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  it('makes the policies of a namespace with Trials, once, and they are in place when the cache has them', async () => {
    expect(world.standing.of('default')).to.deep.equal({ kind: 'awaited' });
    await world.pass();
    expect(world.news()).to.deep.equal([
      'create sb-trials-entry',
      'create sb-trials-public',
      'create sb-trials-restricted',
    ]);
    expect(world.standing.of('default')).to.deep.equal({ kind: 'inPlace' });
    expect(await world.pass()).to.deep.equal({ requeueAfterMs: 30_000 });
    expect(world.news()).to.deep.equal([]);
  });

  it('lets the broker in where there is a Sandbox, whose Pods wait for that', async () => {
    await world.pass();
    world.news();
    expect(world.standing.of('default')).to.deep.equal({ kind: 'inPlace' });
    expect(world.standing.of('default', 'Sandbox')).to.deep.equal({ kind: 'awaited' });
    world.sandboxes.put(sandbox);
    await world.pass();
    expect(world.news()).to.deep.equal(['create sb-sandboxes']);
    expect(world.standing.of('default', 'Sandbox')).to.deep.equal({ kind: 'inPlace' });
  });

  it('makes all policies where there are Sandboxes alone', async () => {
    world.trials.remove(aTrial());
    world.sandboxes.put(sandbox);
    expect(await world.pass()).to.deep.equal({ requeueAfterMs: 30_000 });
    expect(world.news()).to.deep.equal([
      'create sb-sandboxes',
      'create sb-trials-public',
      'create sb-trials-restricted',
    ]);
  });

  it('puts back what lets the broker in, and nothing of it once the last Sandbox has gone', async () => {
    world.sandboxes.put(sandbox);
    await world.pass();
    world.news();
    world.remove('sb-sandboxes');
    expect(world.standing.of('default', 'Sandbox')).to.deep.equal({ kind: 'awaited' });
    await world.pass();
    expect(world.news()).to.deep.equal(['create sb-sandboxes']);
    world.sandboxes.remove(sandbox);
    await world.pass();
    world.remove('sb-sandboxes');
    await world.pass();
    expect(world.news()).to.deep.equal([]);
  });

  it('makes none where there is no Trial, and takes none away', async () => {
    await world.pass();
    world.news();
    world.trials.remove(aTrial());
    expect(await world.pass()).to.equal(undefined);
    world.remove(PUBLIC.name);
    await world.pass();
    expect(world.news()).to.deep.equal([]);
  });

  it('leaves a namespace alone that is being deleted', async () => {
    world.namespaces.put(namespace({ deletionTimestamp: stampOf(T0), resourceVersion: '2' }));
    expect(await world.pass()).to.equal(undefined);
    expect(world.news()).to.deep.equal([]);
  });

  it('puts back what somebody deletes; until then nothing counts as in place', async () => {
    await world.pass();
    world.news();
    world.remove(PUBLIC.name);
    expect(world.standing.of('default')).to.deep.equal({ kind: 'awaited' });
    await world.pass();
    expect(world.news()).to.deep.equal(['create sb-trials-public']);
    expect(world.standing.of('default')).to.deep.equal({ kind: 'inPlace' });
  });

  it('writes over what somebody changes, with fields that it does not set itself', async () => {
    await world.pass();
    world.news();
    const wanted = world.live.get(PUBLIC.name)!;
    const matchExpressions = [{ key: 'nothing', operator: 'Exists' }];
    for (const spec of [
      { ...wanted.spec!, egress: [{}] },
      { ...wanted.spec!, podSelector: { ...wanted.spec!.podSelector, matchExpressions } },
    ]) {
      world.put({ ...wanted, spec });
      expect(world.standing.of('default')).to.deep.equal({ kind: 'awaited' });
      await world.pass();
      expect(world.news()).to.deep.equal(['replace sb-trials-public']);
      expect(world.live.get(PUBLIC.name)?.spec).to.deep.equal(wanted.spec);
    }
  });

  it('finds one again that has lost its label', async () => {
    await world.pass();
    world.news();
    const { labels: _, ...metadata } = world.live.get(PUBLIC.name)!.metadata;
    world.put({ ...world.live.get(PUBLIC.name)!, metadata });
    await world.pass();
    expect(world.news()).to.deep.equal(['replace sb-trials-public']);
    expect(world.standing.of('default')).to.deep.equal({ kind: 'inPlace' });
  });

  it('follows an API server of the internet and the store to other addresses, half a minute later at most', async () => {
    await world.pass();
    world.news();
    world.apiServers = ['8.8.4.7'];
    world.addresses = ['10.9.8.8'];
    world.nowMs = 29_000;
    await world.pass();
    expect(world.news()).to.deep.equal([]);
    world.nowMs = 30_000;
    await world.pass();
    expect(world.news()).to.deep.equal(['replace sb-trials-public']);
    const spec = JSON.stringify(world.live.get(PUBLIC.name)?.spec);
    expect(spec).to.include('8.8.4.7/32').and.include('10.9.8.8/32').and.not.include('10.9.8.7/32');
  });

  it('opens nothing for a store on the internet, which is open anyway', async () => {
    world.addresses = ['8.8.4.9'];
    await world.pass();
    expect(JSON.stringify(world.live.get(PUBLIC.name)?.spec)).not.to.include('8.8.4.9');
  });

  it('says why the API server takes none, and asks again', async () => {
    world.refusal = new ApiError({
      status: 403,
      reason: 'Forbidden',
      message: 'networkpolicies is forbidden',
    });
    expect(await world.pass()).to.deep.equal({ requeueAfterMs: 30_000 });
    expect(world.standing.of('default')).to.deep.equal({
      kind: 'refused',
      message: 'networkpolicies is forbidden',
    });
    world.refusal = undefined;
    await world.pass();
    expect(world.standing.of('default')).to.deep.equal({ kind: 'inPlace' });
  });

  it('takes other failures to the queue', async () => {
    world.refusal = new ApiError({ status: 500, reason: 'InternalError', message: 'etcd' });
    const failed = await world.pass().then(
      () => 'passed',
      (error: Error) => error.message,
    );
    expect(failed).to.equal('etcd');
    expect(world.standing.of('default')).to.deep.equal({ kind: 'awaited' });
  });
});
