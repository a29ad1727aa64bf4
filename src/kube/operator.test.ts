import { expect } from 'chai';
import { ApiServer, type SeenRequest } from '../../test/support/api-server.ts';
import { configMap, connectTo, recordingLog, until } from '../../test/support/kube.ts';
import type { WatchedStore } from './cache/cache.ts';
import type { Kube } from './connect.ts';
import type { ApiError } from './errors.ts';
import { ConfigMap, Event, Job, Lease } from './kinds.ts';
import { Operator, ResourceEventType, type OperatorOptions, type ResourceEvent } from './operator.ts';
import type { ObjectKey, Reconcile } from './types.ts';

class TestOperator extends Operator {
  owners!: WatchedStore<ConfigMap>;
  jobs!: WatchedStore<Job>;
  readonly seen: string[] = [];
  readonly told: ResourceEvent[] = [];
  reconcile: Reconcile = async () => undefined;
  onEvent: (event: ResourceEvent) => Promise<void> = async (event) => void this.told.push(event);
  tell = (about: ConfigMap, reason: string): void => this.events.normal(about, reason, '');

  protected async init(): Promise<void> {
    this.owners = this.watch(ConfigMap);
    this.jobs = this.watch(Job, {
      whileLeading: true,
      indexers: { owner: (job) => [job.metadata.ownerReferences?.[0]?.name ?? ''] },
    });
    const reconcile = async (key: ObjectKey, signal: AbortSignal) => {
      this.seen.push(key.name);
      return this.reconcile(key, signal);
    };
    this.control({ name: 'owners', store: this.owners, owns: [this.jobs], reconcile });
    await this.watchResource('', 'v1', 'secrets', (event) => this.onEvent(event), 'default');
  }
}

const LEASE = { namespace: 'sb-system', name: 'sb-operator' };
const QUICK = { ...LEASE, leaseMs: 1000, renewDeadlineMs: 300, retryMs: 50 };
const Secret = { group: '', version: 'v1', plural: 'secrets' };

function ownedJob(name: string, owner: string): Job {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid: 'u', controller: true }];
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { namespace: 'default', name, ownerReferences } };
}

describe('operator', () => {
  let server: ApiServer;
  let kubes: Kube[];
  let operators: TestOperator[];
  const build = (options: Partial<OperatorOptions> = {}): TestOperator => {
    const kube = connectTo(server, { log: recordingLog() });
    kubes.push(kube);
    const operator = new TestOperator({
      kube,
      component: 'test',
      identity: `replica-${kubes.length}`,
      ...options,
    });
    operators.push(operator);
    return operator;
  };
  const objects = () => server.collection(ConfigMap);
  beforeEach(async () => {
    server = await ApiServer.start();
    kubes = [];
    operators = [];
  });
  afterEach(async () => {
    for (const operator of operators) await operator.stop();
    for (const kube of kubes) await kube.close();
    await server.close();
  });

  it('reconciles what is there, what changes, and the owners of what changes', async () => {
    objects().create(configMap('a'));
    const operator = build();
    await operator.start();
    await until('a was reconciled', () => operator.seen.length === 1);
    server.collection(Job).create(ownedJob('a-1', 'a'));
    await until('its owner was reconciled', () => operator.seen.length === 2);
    objects().delete('default', 'a');
    await until('its deletion was reconciled', () => operator.seen.length === 3);
    expect(new Set(operator.seen)).to.deep.equal(new Set(['a']));
    expect(operator.jobs.by('owner', 'a')).to.have.length(1);
  });

  it('fills caches in every replica but reconciles in the leader alone', async () => {
    objects().create(configMap('a'));
    const [first, second] = [build({ lease: LEASE }), build({ lease: LEASE })];
    await first.start();
    await until('the first leads', () => first.leading);
    await second.start();
    await second.whenSynced();
    objects().create(configMap('b'));
    await until('both know b', () => [first, second].every(({ owners }) => owners.list().length === 2));
    await until('b was reconciled', () => first.seen.includes('b'));
    expect(second.seen).to.deep.equal([]);
    expect([first.ready, second.ready]).to.deep.equal([true, true]);
  });

  it('hears nothing in a replica that stands by of what is kept while leading', async () => {
    server.collection(Job).create(ownedJob('a-1', 'a'));
    const [first, second] = [build({ lease: LEASE }), build({ lease: LEASE })];
    await first.start();
    await until('the first leads', () => first.leading);
    await second.start();
    await until('the second is ready', () => second.ready);
    server.collection(Job).create(ownedJob('a-2', 'a'));
    await until('the first knows both', () => first.jobs.list().length === 2);
    expect([second.jobs.list().length, second.jobs.synced, second.jobs.fresh]).to.deep.equal([
      0,
      false,
      false,
    ]);
    const watches = server.requests.filter(({ path, watch }) => watch && path.includes('/jobs'));
    expect(watches).to.have.length(1);
    await first.stop();
    await until('the second leads', () => second.leading);
    expect(second.jobs.by('owner', 'a')).to.have.length(2);
    expect(first.jobs.list()).to.deep.equal([]);
  });

  it('leads nothing before it knows what is kept while leading, and is not ready then', async () => {
    const lists = ({ path }: { path: string }): boolean => path.includes('/jobs');
    server.faults.add({ on: lists, fault: { kind: 'drop' }, times: 1e6 });
    objects().create(configMap('a'));
    const operator = build({ lease: LEASE });
    await operator.start();
    await until('the lease is its own', () => server.collection(Lease).objects.size === 1);
    await until('it says that it is not ready', () => !operator.ready);
    expect([operator.leading, operator.seen]).to.deep.equal([false, []]);
    server.faults.clear();
    await until('it leads', () => operator.leading);
    await until('a was reconciled', () => operator.seen.length > 0);
    expect(operator.ready).to.equal(true);
  });

  it('forgets with the lease what is kept while leading, and asks anew for the next term', async () => {
    server.collection(Job).create(ownedJob('a-1', 'a'));
    const operator = build({ lease: QUICK });
    await operator.start();
    await until('it leads', () => operator.leading);
    server.faults.add({ on: ({ path }) => path.includes('/leases/'), fault: { kind: 'drop' }, times: 1000 });
    await until('leadership is lost', () => !operator.leading);
    await until('it has forgotten', () => operator.jobs.list().length === 0);
    // Nobody tells it: what comes of the next term is a list.
    server.collection(Job).delete('default', 'a-1');
    server.collection(Job).create(ownedJob('b-1', 'b'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([operator.jobs.list(), operator.jobs.synced]).to.deep.equal([[], false]);
    server.faults.clear();
    await until('it leads again', () => operator.leading);
    expect(operator.jobs.list().map(({ metadata }) => metadata.name)).to.deep.equal(['b-1']);
    expect(operator.jobs.by('owner', 'a')).to.deep.equal([]);
  });

  describe('that tells the next leader how far its caches were', () => {
    const annotation = 'test/handed-over';
    const lease = { ...LEASE, annotation };
    const listed = ({ path, watch }: SeenRequest): boolean => !watch && path.endsWith('/jobs');
    /** What the last list of Jobs asked for. */
    const asked = () => {
      const query = server.requests.findLast(listed)?.query;
      return [query?.get('resourceVersion') ?? undefined, query?.get('resourceVersionMatch') ?? undefined];
    };
    /** One leads, another stands by. */
    const two = async (options: Partial<OperatorOptions> = {}) => {
      const [first, second] = [build({ lease, ...options }), build({ lease, ...options })];
      await first.start();
      await until('the first leads', () => first.leading);
      await second.start();
      await second.whenSynced();
      return [first, second] as const;
    };

    it('has that one ask for no more than what it has seen', async () => {
      const [first, second] = await two();
      const { metadata } = server.collection(Job).create(ownedJob('a-1', 'a'));
      await until('the first knows of it', () => first.jobs.list().length === 1);
      await first.stop();
      await until('the second leads', () => second.leading);
      expect(asked()).to.deep.equal([metadata.resourceVersion, 'NotOlderThan']);
      expect(second.jobs.list()).to.have.length(1);
    });

    it('has that one ask for what it has written and its own caches never saw', async () => {
      const [first, second] = await two();
      first.reconcile = async () => void (await kubes[0]?.client.create(Job, ownedJob('a-1', 'a')));
      const stalls = ({ path, watch }: SeenRequest): boolean => watch && path.endsWith('/jobs');
      server.faults.add({ on: stalls, fault: { kind: 'drop' }, times: 1e6 });
      server.dropConnections();
      objects().create(configMap('a'));
      const made = () => server.collection(Job).objects.get('default/a-1');
      await until('its Job is there', () => made() !== undefined);
      await until('it has heard of that', () => first.seen.length > 0);
      await first.stop();
      server.faults.clear();
      await until('the second leads', () => second.leading);
      expect(first.jobs.list()).to.deep.equal([]);
      expect(asked()).to.deep.equal([made()?.metadata.resourceVersion, 'NotOlderThan']);
    });

    it('takes it out of the lease that it claims', async () => {
      const [first, second] = await two();
      const annotations = () =>
        server.collection(Lease).objects.get('sb-system/sb-operator')?.metadata['annotations'];
      await first.stop();
      await until('the second leads', () => second.leading);
      expect(annotations()).to.deep.equal({});
    });

    it('tells nothing where something may still be under way', async () => {
      const [first, second] = await two({ lease: { ...QUICK, annotation }, drainMs: 50 });
      first.reconcile = () => new Promise(() => undefined);
      objects().create(configMap('a'));
      await until('it works', () => first.seen.length > 0);
      await first.stop();
      await until('the second leads', () => second.leading);
      expect(asked()).to.deep.equal([undefined, undefined]);
    });
  });

  it('hands over when it stops: drains, then gives the lease away last (fault 42)', async () => {
    const [first, second] = [build({ lease: LEASE, finishMs: 30_000 }), build({ lease: LEASE })];
    let finished = false;
    first.reconcile = async () => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await kubes[0]?.client.patch(ConfigMap, { namespace: 'default', name: 'a' }, { data: { done: 'yes' } });
      finished = true;
      return undefined;
    };
    await first.start();
    await until('the first leads', () => first.leading);
    await second.start();
    objects().create(configMap('a'));
    await until('a is being reconciled', () => first.seen.length === 1);
    const stopped = first.stop();
    expect(first.ready).to.equal(false);
    await stopped;
    expect(finished).to.equal(true);
    const writes = server.requests.filter(({ method }) => method === 'PATCH' || method === 'PUT');
    expect(writes.at(-1)?.path).to.include('/leases/');
    await until('the second leads', () => second.leading);
    await until('it knows of a', () => second.seen.includes('a'));
  });

  describe('that stops while another stands by', () => {
    /** Nobody has a lease for having waited for it. */
    const LASTING = { ...LEASE, leaseMs: 600_000, renewDeadlineMs: 300_000, retryMs: 200_000 };
    const isOf =
      (part: string, ...methods: string[]) =>
      ({ method, path }: SeenRequest): boolean =>
        methods.includes(method) && path.includes(part);
    let first: TestOperator;
    let second: TestOperator;

    const pair = async (options: Partial<OperatorOptions> = {}): Promise<void> => {
      first = build({ lease: LASTING, ...options });
      await first.start();
      await until('the first leads', () => first.leading);
      second = build({ lease: LASTING });
      await second.start();
      await until('the second stands by', () => server.requests.some(isOf('/leases', 'GET')) && second.ready);
      await until('it hears of the lease', () =>
        server.requests.some(({ path, watch }) => watch && path.includes('/leases')),
      );
    };
    const beginA = async (): Promise<void> => {
      objects().create(configMap('a'));
      await until('a is being reconciled', () => first.seen.length > 0);
    };

    it('is followed as soon as it gives the lease away', async () => {
      await pair();
      await first.stop();
      await until('the second leads', () => second.leading);
    });

    it('tells its last events when it is followed already', async () => {
      await pair();
      first.reconcile = async () => {
        first.tell(configMap('a'), 'Done');
        return undefined;
      };
      server.faults.add({ on: isOf('/events', 'POST'), fault: { kind: 'slow', ms: 1500 }, times: 1 });
      await beginA();
      await until('an event is on its way', () => server.requests.some(isOf('/events', 'POST')));
      const stopped = first.stop();
      await until('the second leads', () => second.leading);
      expect(server.collection(Event).objects.size).to.equal(0);
      await stopped;
      expect(server.collection(Event).objects.size).to.equal(1);
    });

    it('begins no further write, since the next leader would wait for it', async () => {
      await pair();
      const failures: unknown[] = [];
      let made = 0;
      first.reconcile = async () => {
        const write = () => kubes[0]!.client.create(ConfigMap, configMap(`child-${made++}`));
        for (;;) await write().catch((error) => failures.push(error) && Promise.reject(error));
      };
      second.reconcile = async () => undefined;
      await beginA();
      await first.stop();
      expect(failures).to.have.length(1);
      expect(failures[0]).to.include({ reason: 'NotLeader' });
      const release = server.requests.findLastIndex(isOf('/leases/', 'PUT'));
      const last = server.requests.findLastIndex(isOf('/configmaps', 'POST'));
      expect(release).to.be.above(last);
      await until('the second leads', () => second.leading);
    });

    it('waits for a write that is under way', async () => {
      await pair();
      first.reconcile = async () => void (await kubes[0]!.client.create(ConfigMap, configMap('child')));
      server.faults.add({ on: isOf('/configmaps', 'POST'), fault: { kind: 'slow', ms: 1500 }, times: 1 });
      await beginA();
      await until('it is on its way', () => server.requests.some(isOf('/configmaps', 'POST')));
      const stopped = first.stop();
      await until('the second leads', () => second.leading);
      expect(objects().objects.size).to.equal(2);
      await stopped;
    });

    it('leaves the lease to run out where what it did does not end', async () => {
      await pair({ drainMs: 50 });
      first.reconcile = () => new Promise(() => undefined);
      await beginA();
      await first.stop();
      expect(server.collection(Lease).objects.values().next().value).to.nested.include({
        'spec.holderIdentity': 'replica-1',
      });
      expect(second.leading).to.equal(false);
    });
  });

  it('refuses the writes of a reconcile that outlived its leadership (fault 20)', async () => {
    const operator = build({ lease: QUICK });
    const failures: unknown[] = [];
    const gate = Promise.withResolvers<void>();
    operator.reconcile = async ({ name }) => {
      await gate.promise;
      await kubes[0]?.client
        .create(ConfigMap, configMap(`${name}-child`))
        .catch((error) => failures.push(error));
      return undefined;
    };
    objects().create(configMap('a'));
    await operator.start();
    await until('a is being reconciled', () => operator.seen.length === 1);
    server.faults.add({ on: ({ path }) => path.includes('/leases/'), fault: { kind: 'drop' }, times: 1000 });
    await until('leadership is lost', () => !operator.leading);
    gate.resolve();
    await until('the write was refused', () => failures.length === 1);
    expect(objects().objects.size).to.equal(1);
    server.faults.clear();
    await until('it leads again', () => operator.leading);
    await until('a is reconciled again', () => operator.seen.length >= 2);
  });

  it('refuses writes when a stall has cost the leadership and nobody has told yet (fault 16)', async () => {
    const operator = build({ lease: { ...QUICK, retryMs: 5000 } });
    const failures: ApiError[] = [];
    operator.reconcile = async () => {
      const end = performance.now() + 350;
      while (performance.now() < end);
      await kubes[0]?.client.create(ConfigMap, configMap('child')).catch((error) => failures.push(error));
      return undefined;
    };
    objects().create(configMap('a'));
    await operator.start();
    await until('the write was refused', () => failures.length > 0);
    expect(failures[0]).to.include({ reason: 'NotLeader' });
    expect(objects().objects.size).to.equal(1);
  });

  it('sees its own writes before it reconciles the same key again (fault 23)', async () => {
    const operator = build();
    const counts: number[] = [];
    operator.reconcile = async ({ name }) => {
      const jobs = operator.jobs.by('owner', name).length;
      counts.push(jobs);
      if (jobs === 0) await kubes[0]?.client.create(Job, ownedJob(`a-${counts.length}`, 'a'));
      return { requeueAfterMs: 1 };
    };
    const lagging = ({ path, watch }: { path: string; watch: boolean }): boolean =>
      watch && path.includes('jobs');
    server.faults.add({ on: lagging, fault: { kind: 'watch', afterLines: 1, how: 'end' } });
    objects().create(configMap('a'));
    await operator.start();
    await until('it came round', () => counts.includes(1));
    expect(server.collection(Job).objects.size).to.equal(1);
    expect(counts.slice(0, 2)).to.deep.equal([0, 1]);
  });

  it('calls watchResource handlers with added, modified and deleted events', async () => {
    const operator = build();
    const secrets = server.collection(Secret);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'default', name: 's' } };
    secrets.create(secret);
    await operator.start();
    const types = (): string[] => operator.told.map(({ type }) => type);
    await until('it was told of the object', () => types().length === 1);
    secrets.update({ ...secret, spec: 1 });
    await until('it was told of the change', () => types().length === 2);
    secrets.delete('default', 's');
    await until('it was told of the end', () => types().length === 3);
    expect(types()).to.deep.equal(Object.values(ResourceEventType));
    expect(operator.told[0]?.meta).to.deep.include({
      id: 'secrets.v1',
      name: 's',
      namespace: 'default',
      kind: 'Secret',
    });
  });

  it('tells a watchResource handler again when it throws, with the latest state', async () => {
    const operator = build();
    operator.onEvent = async (event) => {
      operator.told.push(event);
      if (operator.told.length < 3) throw new Error('not yet');
    };
    const metadata = { namespace: 'default', name: 's' };
    server.collection(Secret).create({ apiVersion: 'v1', kind: 'Secret', metadata });
    await operator.start();
    await until('it succeeded', () => operator.told.length === 3);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(operator.told.map(({ type }) => type)).to.deep.equal(['ADDED', 'ADDED', 'ADDED']);
  });

  it('starts while the API server is away, and is ready when it is back (fault 2)', async () => {
    server.faults.add({ fault: { kind: 'drop' }, times: 3 });
    const operator = build();
    await operator.start();
    expect(operator.ready).to.equal(false);
    await until('it is ready', () => operator.ready);
  });

  it('stops while the API server is away', async () => {
    server.faults.add({ fault: { kind: 'drop' }, times: 1e6 });
    const operator = build({ lease: LEASE });
    await operator.start();
    await operator.stop();
    expect(server.collection(Lease).objects.size).to.equal(0);
  });

  it('declares what it watches and needs', async () => {
    const operator = build({ lease: LEASE });
    await operator.start();
    const resources = operator.declaredPermissions.flatMap((permission) => permission.resources);
    expect(resources).to.deep.equal(['configmaps', 'jobs', 'secrets', 'events', 'leases', 'leases']);
  });
});
