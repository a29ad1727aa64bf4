/**
 * The bill controller: asks once a day what is charged for the namespaces with a budget, by their cost tags. It has one key. The bill changes no account
 * by itself: who counts a namespace takes it along, and is woken when it comes.
 */
import { BILLED_MOST, dollars, type Billed } from '../../budget/account.ts';
import { COST_TAG, monthlyBudget, USER_ID } from '../../crds/namespace-rules.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import type { Namespace } from '../../kube/kinds.ts';
import type { ControlOptions } from '../../kube/operator.ts';
import type { EventRecorder, Log, ObjectKey, Reconcile, Store } from '../../kube/types.ts';
import type { Enqueue, Feed } from '../../kube/work/feed.ts';
import { LIVE } from '../../kube/work/queue.ts';
import type { Bill, Costs } from '../../providers/costs/port.ts';
import type { Ledger } from './record.ts';

export interface BillDeps {
  costs: Costs;
  bills: Bills;
  ledger: Pick<Ledger, 'billAskedAt' | 'askingBill' | 'of'>;
  namespaces: Store<Namespace>;
  events: Pick<EventRecorder, 'warning'>;
  log: Log;
  now: () => Date;
}

/** What is charged for each namespace, as it was heard last; and what wakes who counts them. */
export class Bills {
  readonly #billed = new Map<string, Billed>();
  readonly #wakes = new Set<(namespace: string) => void>();

  of(namespace: string): Billed | undefined {
    return this.#billed.get(namespace);
  }

  take(namespace: string, billed: Billed): void {
    this.#billed.set(namespace, billed);
    for (const wake of this.#wakes) wake(namespace);
  }

  /** The namespaces for which a bill has come. */
  feed(): Feed {
    return {
      start: (enqueue: Enqueue) => {
        const wake = (name: string): void => enqueue({ namespace: '', name }, { priority: LIVE });
        this.#wakes.add(wake);
        return () => void this.#wakes.delete(wake);
      },
    };
  }
}

const DAY_MS = 86_400_000;
/** Whatever wakes it, the work is the same. */
const KEY: ObjectKey = { namespace: '', name: 'bill' };
/** An answer has several pages, each with a timeout of its own, and is asked for again where AWS has no time. */
const TIMEOUT_MS = 600_000;

export const billControl = (
  deps: Omit<BillDeps, 'namespaces'> & { namespaces: WatchedStore<Namespace> },
): ControlOptions<Namespace> => ({
  name: 'bill',
  store: deps.namespaces,
  keys: () => [KEY],
  matters: (before, after) => tagOf(before) !== tagOf(after),
  reconcile: billController(deps),
  reconcileTimeoutMs: TIMEOUT_MS,
});

export function billController(deps: BillDeps): Reconcile {
  const { costs, ledger, bills, now } = deps;
  return async () => {
    const waitMs = dueInMs(await ledger.billAskedAt(), now().getTime());
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const tagged = byTag(deps.namespaces.list());
    if (tagged.size === 0) return { requeueAfterMs: DAY_MS };
    await ledger.askingBill();
    const bill = await costs.ofMonth(now());
    for (const [tag, namespace] of tagged) {
      const micros = bill.byTag.get(tag);
      if (micros === undefined) continue;
      await warnBeyond(deps, namespace, { tag, micros });
      bills.take(namespace.metadata.name, { until: bill.until, micros });
    }
    tell(deps.log, bill);
    return { requeueAfterMs: DAY_MS };
  };
}

/** A clock that goes back, or one that was ahead, must not keep the bill away for longer than a day. */
const dueInMs = (askedAt: number | undefined, now: number): number =>
  askedAt === undefined ? 0 : Math.max(0, DAY_MS - Math.abs(now - askedAt));

/** Whose costs those of a namespace are; undefined where it has no budget that could be spent. */
const tagOf = ({ metadata }: Namespace): string | undefined =>
  typeof monthlyBudget(metadata) === 'number' ? metadata.labels?.[USER_ID] : undefined;

/** Namespaces with a budget by their cost tag. What several namespaces share, with a budget or without, nobody can tell apart. */
function byTag(namespaces: readonly Namespace[]): Map<string, Namespace> {
  const count = Map.groupBy(namespaces, ({ metadata }) => metadata.labels?.[USER_ID]);
  const own = namespaces.flatMap((namespace) => {
    const tag = tagOf(namespace);
    return tag && count.get(tag)?.length === 1 ? [[tag, namespace] as const] : [];
  });
  return new Map(own);
}

/** Prices are wrong by that much, or something else has the tag: people have to look. */
async function warnBeyond(
  { events, ledger }: BillDeps,
  namespace: Namespace,
  { tag, micros }: { tag: string; micros: number },
): Promise<void> {
  const { name } = namespace.metadata;
  const { spent } = await ledger.of(name);
  if (micros <= spent * BILLED_MOST) return;
  const about = { ...namespace, metadata: { ...namespace.metadata, namespace: name } };
  events.warning(
    about,
    'BillBeyondLedger',
    `${dollars(micros)} are charged for ${COST_TAG}=${tag} and ${dollars(spent)} were counted; no more than ${BILLED_MOST} times that is taken: is SB_PRICES right, and what else has the tag?`,
  );
}

function tell(log: Log, { until, byTag: all }: Bill): void {
  if (all.size > 0) log.info({ until, tags: all.size }, 'a bill was compared with the ledger');
  else
    log.warn(
      { until },
      `the bill has nothing with the tag ${COST_TAG}: is it activated as a cost allocation tag?`,
    );
}
