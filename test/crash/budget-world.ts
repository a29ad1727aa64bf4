/** A namespace with a budget in memory: Jobs, Pods and the ledger, people who use it, and operators that die at any call. */
import { billController, Bills, type BillDeps } from '../../src/controllers/budget/bill.ts';
import { budgetController, Standings } from '../../src/controllers/budget/controller.ts';
import { Ledger } from '../../src/controllers/budget/record.ts';
import { nextMonth } from '../../src/budget/account.ts';
import { MICROS } from '../../src/budget/prices.ts';
import { readAccounts } from '../../src/budget/stored.ts';
import { LEDGER } from '../../src/crds/names.ts';
import { MONTHLY_BUDGET, USER_ID } from '../../src/crds/namespace-rules.ts';
import { ApiError } from '../../src/kube/errors.ts';
import { Job, type ConfigMap, type Namespace, type Pod } from '../../src/kube/kinds.ts';
import type { Kind, KubeClient, KubeObject, ObjectKey, Store } from '../../src/kube/types.ts';
import { controllerOf } from '../../src/pods/ownership.ts';
import { memoryCosts } from '../../src/providers/costs/memory.ts';
import { monthOf } from '../../src/text/calendar.ts';

export const NAMESPACE = 'ada';
const PRICES = { cpu: 0.36 };
export const GRACE_MS = 600_000;
/** A Pod of ours is ended within that. */
export const END_MS = 45_000;

const silent = (): void => undefined;
const SILENT = { debug: silent, info: silent, warn: silent, error: silent };

class Dead extends Error {}

/** What a Pod truly took up. */
interface Use {
  rate: number;
  from?: number;
  to?: number;
}

interface Running {
  job?: Job;
  pod?: Pod;
  use: Use;
  /** Told to end by then. */
  ends?: number;
}

interface Life {
  standings: Standings;
  reconcile: () => Promise<number | undefined>;
  askBill: () => Promise<unknown>;
  /** Calls of the API server that it lives to make. */
  left: number;
}

export interface Warning {
  reason: string;
  message: string;
}

export class BudgetWorld {
  now = Date.parse('2026-11-29T12:00:00Z');
  readonly warnings: Warning[] = [];
  /** What the cloud charges for what has the namespace’s tag; it may be anybody’s. */
  readonly costs = memoryCosts();
  #budget: number;
  #map: ConfigMap | undefined;
  #made = 0;
  /** By UID of the Job: under one name there may be a new one before the Pod of the old has ended. */
  readonly #running = new Map<string, Running>();
  readonly #uses: Use[] = [];
  #life: Life;
  #look: number | undefined;
  readonly #random: () => number;

  constructor(budget: number, random: () => number) {
    this.#budget = budget;
    this.#random = random;
    this.#life = this.#born();
  }

  /** Millionths of a dollar. */
  get budget(): number {
    return this.#budget * MICROS;
  }

  get standing() {
    return this.#life.standings.of(NAMESPACE);
  }

  /** What the ledger has written down. */
  get account() {
    return readAccounts(this.#map?.data).get(NAMESPACE);
  }

  /** UIDs of Jobs that are there, or whose Pod is. */
  get jobs(): string[] {
    return [...this.#running.keys()];
  }

  /** The bill is looked at; most times it is not due. */
  async bill(): Promise<void> {
    await this.#mortal(() => this.#life.askBill());
  }

  raise(dollars: number): void {
    this.#budget += dollars;
  }

  /** The operator dies, and the next begins at once. */
  kill(): void {
    this.#life.left = 0;
    this.#life = this.#born();
    this.#look = this.now;
  }

  /** It dies after so many more calls. */
  dieAfter(calls: number): void {
    this.#life.left = calls;
  }

  /** A user wants a Pod of so many CPUs; whether it was made. */
  async want(cpus: number, name = `job-${this.#made + 1}`): Promise<boolean> {
    this.#made += 1;
    const uid = `uid-${this.#made}`;
    if (this.standing.kind !== 'within') return false;
    const job = aJob(name, cpus, { uid, now: this.now });
    const life = this.#life;
    await this.#mortal(() =>
      life.standings.making(job, () =>
        this.#call(life, () => {
          if (this.#job(name))
            throw new ApiError({ status: 409, reason: 'AlreadyExists', message: `Job ${name} is there` });
          this.#running.set(uid, { job, pod: aPod(job), use: { rate: cpus * PRICES.cpu * MICROS } });
        }),
      ),
    );
    this.#look = this.now;
    return this.#running.has(uid);
  }

  schedule(uid: string): void {
    const one = this.#running.get(uid);
    if (!one?.pod || one.use.from !== undefined) return;
    one.use.from = this.now;
    this.#uses.push(one.use);
    const lastTransitionTime = secondOf(this.now);
    one.pod = {
      ...one.pod,
      spec: { containers: [], nodeName: 'node' },
      status: {
        phase: 'Running',
        conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime }],
      },
    };
  }

  /** Its container ends. */
  finish(uid: string): void {
    const one = this.#running.get(uid);
    if (one?.use.from === undefined || !one.pod) return;
    one.use.to ??= this.now;
    const finishedAt = new Date(Math.ceil(this.now / 1000) * 1000).toISOString();
    const terminated = { exitCode: 0, finishedAt };
    one.pod = {
      ...one.pod,
      status: {
        ...one.pod.status,
        phase: 'Succeeded',
        containerStatuses: [
          { name: 'task', image: '', imageID: '', ready: false, restartCount: 0, state: { terminated } },
        ],
      },
    };
  }

  /** A user deletes the Job; its Pod goes on for up to as long as it may. `lingers`: the Job is gone before its Pod. */
  remove(uid: string, lingers: boolean): void {
    const one = this.#running.get(uid);
    if (!one) return;
    if (lingers) {
      delete one.job;
      one.ends ??= this.now + this.#random() * END_MS;
    } else this.#vanish(uid, one);
    this.#look = this.now;
  }

  #job(name: string): Job | undefined {
    return [...this.#running.values()].find(({ job }) => job?.metadata.name === name)?.job;
  }

  #vanish(uid: string, one: Running): void {
    if (one.use.from !== undefined) one.use.to ??= this.now;
    this.#running.delete(uid);
  }

  /** Time passes; the operator looks when it said that it would, and Pods end when they must. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    while (this.now < end) {
      const ends = [...this.#running.values()].flatMap((one) => one.ends ?? []);
      this.now = Math.max(this.now, Math.min(end, this.#look ?? Infinity, ...ends));
      for (const [uid, one] of this.#running)
        if (one.ends !== undefined && one.ends <= this.now) this.#vanish(uid, one);
      if (this.#look !== undefined && this.#look <= this.now) await this.look();
    }
  }

  async look(): Promise<void> {
    this.#look = undefined;
    const life = this.#life;
    await this.#mortal(async () => {
      const againMs = await life.reconcile();
      if (againMs !== undefined) this.#look = this.now + againMs;
    });
    if (this.standing.kind === 'over') this.#endAll();
  }

  /** What the controllers of Trials and Sandboxes do. */
  #endAll(): void {
    for (const one of this.#running.values()) one.ends ??= this.now + this.#random() * END_MS;
  }

  /** What the Pods of this month truly cost up to now. */
  trueCost(): number {
    const begin = Date.parse(`${monthOf(this.now)}-01T00:00:00Z`);
    return this.#uses.reduce((sum, { rate, from = 0, to = this.now }) => {
      const ms = Math.max(0, Math.min(to, nextMonth(this.now)) - Math.max(from, begin));
      return sum + (rate * ms) / 3_600_000;
    }, 0);
  }

  /** Millionths of a dollar an hour of all that ran at that time. */
  rateAt(time: number): number {
    return this.#uses
      .filter(({ from = 0, to = Infinity }) => from <= time && time < to)
      .reduce((sum, { rate }) => sum + rate, 0);
  }

  async #mortal(run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof Dead) && !(error instanceof ApiError)) throw error;
      if (error instanceof Dead) this.kill();
      else this.#look = this.now + 1000;
    }
  }

  /** A call of the API server: before it, or between it and its answer, the operator may die. */
  async #call<T>(life: Life, effect: () => T): Promise<T> {
    if (life.left <= 0) throw new Dead('dead');
    life.left -= 1;
    if (life.left === 0 && this.#random() < 0.5) throw new Dead('before the call');
    const answer = effect();
    if (life.left === 0) throw new Dead('before the answer');
    return answer;
  }

  #born(): Life {
    const life: Partial<Life> & { left: number } = { left: Infinity };
    const kube = this.#client(life as Life);
    const namespaces = this.#store(() => [this.#namespace()]);
    const now = (): Date => new Date(this.now);
    const ledger = new Ledger({ kube, namespace: 'sb-system', prices: PRICES, now });
    const standings = new Standings(namespaces, ledger);
    const bills = new Bills();
    const none = <T extends KubeObject>(): Store<T> => this.#store<T>(() => []);
    const reconcile = budgetController({
      kube,
      namespaces,
      jobs: this.#store(() => [...this.#running.values()].flatMap(({ job }) => job ?? [])),
      sandboxJobs: none<Job>(),
      pods: this.#store(() => [...this.#running.values()].flatMap(({ pod }) => pod ?? [])),
      sandboxPods: none<Pod>(),
      ledger,
      standings,
      bills,
      graceMs: GRACE_MS,
      events: { warning: (_, reason, message) => void this.warnings.push({ reason, message }) },
      now,
    });
    const looks = async (): Promise<number | undefined> =>
      (await reconcile({ namespace: '', name: NAMESPACE }, new AbortController().signal))?.requeueAfterMs;
    const askBill = this.#asking(life as Life, { bills, ledger, namespaces });
    return Object.assign(life, { standings, reconcile: looks, askBill });
  }

  #asking(life: Life, own: Pick<BillDeps, 'bills' | 'ledger' | 'namespaces'>): Life['askBill'] {
    const ask = billController({
      ...own,
      costs: { ofMonth: async (asked) => this.#call(life, () => this.costs.ofMonth(asked)) },
      events: { warning: silent },
      log: SILENT,
      now: () => new Date(this.now),
    });
    own.bills.feed().start(() => void (this.#look = this.now), SILENT);
    return () => ask({ namespace: '', name: 'bill' }, new AbortController().signal);
  }

  #namespace(): Namespace {
    const labels = { [USER_ID]: NAMESPACE, [MONTHLY_BUDGET]: String(this.#budget) };
    return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } };
  }

  #store<T extends KubeObject>(list: () => T[]): Store<T> {
    const by = (index: string, value: string): T[] =>
      list().filter((object) =>
        index === 'owner' ? controllerOf(object)?.uid === value : object.metadata.namespace === value,
      );
    const get = ({ name }: ObjectKey): T | undefined => list().find(({ metadata }) => metadata.name === name);
    return { synced: true, fresh: true, list, get, by };
  }

  #client(life: Life): Pick<KubeClient, 'get' | 'create' | 'replace'> {
    const put = <T extends KubeObject>(object: T): T => {
      const before = this.#map?.metadata.resourceVersion ?? '0';
      if (this.#map && object.metadata.resourceVersion !== before)
        throw new ApiError({ status: 409, reason: 'Conflict', message: 'it has changed' });
      const metadata = { ...object.metadata, resourceVersion: String(Number(before) + 1) };
      this.#map = structuredClone({ ...(object as unknown as ConfigMap), metadata });
      return structuredClone(this.#map) as unknown as T;
    };
    return {
      get: <T extends KubeObject>(kind: Kind<T>, { name }: ObjectKey) =>
        this.#call(life, () => {
          const found = (kind as Kind<KubeObject>) === Job ? this.#job(name) : this.#map;
          return (name === LEDGER || kind.kind === 'Job' ? structuredClone(found) : undefined) as
            T | undefined;
        }),
      create: (_, object) => this.#call(life, () => put(object)),
      replace: (_, object) => this.#call(life, () => put(object)),
    };
  }
}

const secondOf = (ms: number): string => new Date(Math.floor(ms / 1000) * 1000).toISOString();

function aJob(name: string, cpus: number, { uid, now }: { uid: string; now: number }): Job {
  const creationTimestamp = secondOf(now);
  const resources = { requests: { cpu: String(cpus) } };
  const template = { spec: { containers: [{ name: 'task', resources }] } };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace: NAMESPACE, uid, creationTimestamp },
    spec: { template },
  };
}

const aPod = ({ metadata: { name, uid = '' } }: Job): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `${name}-abcde`,
    namespace: NAMESPACE,
    ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
  },
  spec: { containers: [] },
  status: { phase: 'Pending' },
});
