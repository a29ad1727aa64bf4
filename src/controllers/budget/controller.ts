/**
 * The budget controller: counts what the Jobs of each namespace with a budget cost, and knows how the budget stands. Its keys are namespaces. It ends
 * nothing: the controllers of Trials and Sandboxes ask how the budget stands, and are woken when that changes.
 */
import { spentOf, counted, isWorthWriting, lookInMs, standingOf } from '../../budget/standing.ts';
import type { BudgetSeen, Budgets, Terms } from '../../budget/standing.ts';
import type { Account } from '../../budget/account.ts';
import { LEDGER, identityOf } from '../../crds/names.ts';
import { MONTHLY_BUDGET, monthlyBudget, type MonthlyBudget } from '../../crds/namespace-rules.ts';
import { keyOf, type WatchedStore } from '../../kube/cache/cache.ts';
import type { Job, Namespace, Pod } from '../../kube/kinds.ts';
import { feed, type ControlOptions } from '../../kube/operator.ts';
import type { EventRecorder, KubeObject, ObjectKey, Permission, Reconcile, Store } from '../../kube/types.ts';
import type { Enqueue, Feed } from '../../kube/work/feed.ts';
import { LIVE } from '../../kube/work/queue.ts';
import type { Bills } from './bill.ts';
import { seeJobs, type BudgetSources } from './observe.ts';
import type { Ledger } from './record.ts';

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: '', resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch'] },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { group: '', resources: ['configmaps'], verbs: ['create'], scope: 'own' },
  { group: '', resources: ['configmaps'], verbs: ['get', 'update'], names: [LEDGER], scope: 'own' },
];

export interface BudgetDeps extends Omit<BudgetSources, 'prices' | 'isOpening'> {
  namespaces: Store<Namespace>;
  ledger: Ledger;
  standings: Standings;
  /** What is charged for namespaces; undefined where nobody asks. */
  bills?: Bills | undefined;
  graceMs: number;
  events: Pick<EventRecorder, 'warning'>;
  now: () => Date;
}

/** How the budgets stand, for whoever makes Pods; and what wakes them. */
export class Standings implements Budgets {
  readonly #namespaces: Store<Namespace>;
  readonly #ledger: Ledger;
  readonly #known = new Map<string, BudgetSeen>();
  readonly #wakes = new Set<(namespace: string) => void>();

  constructor(namespaces: Store<Namespace>, ledger: Ledger) {
    this.#namespaces = namespaces;
    this.#ledger = ledger;
  }

  of(namespace: string): BudgetSeen {
    const budget = budgetIn(this.#namespaces, namespace);
    if (budget === undefined) return { kind: 'none' };
    return unread(budget) ?? this.#known.get(namespace) ?? { kind: 'awaited' };
  }

  making<T>(job: Job, make: () => Promise<T>): Promise<T> {
    const hasBudget = budgetIn(this.#namespaces, identityOf(job).namespace) !== undefined;
    return hasBudget ? this.#ledger.making(job, make) : make();
  }

  /** Wakes everybody of the namespace where it stands otherwise than before. */
  set(namespace: string, standing: BudgetSeen | undefined): void {
    const before = this.#known.get(namespace)?.kind;
    if (standing) this.#known.set(namespace, standing);
    else this.#known.delete(namespace);
    if (before !== standing?.kind) for (const wake of this.#wakes) wake(namespace);
  }

  /** Feeds nothing: it is there for a term as leader, which begins with what others have written. */
  fresh(): Feed {
    return {
      start: () => {
        this.#known.clear();
        this.#ledger.forget();
        return () => undefined;
      },
    };
  }

  /** The objects of a store whose budget stands otherwise than before. `store`: indexed by `namespace`. */
  feed(store: Store<KubeObject>): Feed {
    return {
      start: (enqueue: Enqueue) => {
        const wake = (namespace: string): void => {
          for (const object of store.by('namespace', namespace)) enqueue(keyOf(object), { priority: LIVE });
        };
        this.#wakes.add(wake);
        return () => void this.#wakes.delete(wake);
      },
    };
  }
}

/** How a budget stands that nobody can read. */
const unread = (budget: MonthlyBudget | undefined): BudgetSeen | undefined =>
  typeof budget === 'object' ? { kind: 'spent', message: budget.refused } : undefined;

const budgetIn = (namespaces: Store<Namespace>, name: string) =>
  monthlyBudget(namespaces.get({ namespace: '', name })?.metadata);

/** What a Namespace says of its budget, wherever it does. */
const wordsOf = ({ metadata: { labels, annotations } }: Namespace): string =>
  JSON.stringify([labels?.[MONTHLY_BUDGET], annotations?.[MONTHLY_BUDGET]]);

interface Watched {
  namespaces: WatchedStore<Namespace>;
  jobs: WatchedStore<Job>;
  sandboxJobs: WatchedStore<Job>;
  pods: WatchedStore<Pod>;
  sandboxPods: WatchedStore<Pod>;
}

/** Namespaces counted at the same time. */
const WORKERS = 4;

/** The controller and what wakes it: budgets that change, and Jobs and Pods that come or go where there is one. */
export function budgetControl(deps: Omit<BudgetDeps, keyof Watched> & Watched): ControlOptions<Namespace> {
  const { namespaces, jobs, sandboxJobs, pods, sandboxPods } = deps;
  const keys = ({ metadata: { namespace: name = '' } }: KubeObject): ObjectKey[] =>
    budgetIn(namespaces, name) === undefined ? [] : [{ namespace: '', name }];
  const comingAndGoing = <T extends KubeObject>(store: WatchedStore<T>): Feed =>
    feed({ store, keys, matters: () => false });
  return {
    name: 'budget',
    store: namespaces,
    matters: (before, after) => wordsOf(before) !== wordsOf(after),
    also: [
      deps.standings.fresh(),
      ...(deps.bills ? [deps.bills.feed()] : []),
      ...[jobs, sandboxJobs, pods, sandboxPods].map((store) => comingAndGoing<KubeObject>(store)),
    ],
    reconcile: budgetController(deps),
    concurrency: WORKERS,
  };
}

/** The reconcile function of namespaces. */
export function budgetController(deps: BudgetDeps): Reconcile {
  const { ledger, standings, graceMs } = deps;
  const sources = {
    ...deps,
    prices: ledger.prices,
    isOpening: (namespace: string, name: string) => ledger.isOpening(namespace, name),
  };
  return async ({ name }) => {
    const namespace = deps.namespaces.get({ namespace: '', name });
    const budget = budgetIn(deps.namespaces, name);
    if (!namespace || typeof budget !== 'number') {
      standings.set(name, unread(budget));
      if (budget === undefined) await ledger.close(name);
      return undefined;
    }
    const terms: Terms = { budget, graceMs };
    const jobs = await seeJobs(sources, name, await ledger.of(name));
    const now = deps.now().getTime();
    const billed = deps.bills?.of(name);
    const account = await ledger.change(name, (one) => counted(one, { jobs, budget, now, billed }));
    const written = ledger.written(name);
    announce(deps.events, { namespace, account, written, budget });
    if (isWorthWriting(written, account)) await ledger.write();
    standings.set(name, standingOf(account, terms, now));
    const againMs = lookInMs(account, terms, now);
    return againMs === undefined ? undefined : { requeueAfterMs: againMs };
  };
}

interface Announced {
  namespace: Namespace;
  account: Account;
  written: Account | undefined;
  budget: number;
}

/** Once each: what was written down was said. The events are in the namespace itself, for who works there. */
function announce(events: BudgetDeps['events'], { namespace, account, written, budget }: Announced): void {
  const { name } = namespace.metadata;
  const about = { ...namespace, metadata: { ...namespace.metadata, namespace: name } };
  const isSame = written?.month === account.month;
  const used = spentOf(account, budget);
  if (account.spentSince !== undefined && !(isSame && written.spentSince !== undefined))
    events.warning(
      about,
      'BudgetExceeded',
      `${used} is spent; nothing more starts, and what runs is ended soon`,
    );
  else if (account.warned && !(isSame && written.warned))
    events.warning(about, 'BudgetNearlySpent', `${used} is spent`);
}
