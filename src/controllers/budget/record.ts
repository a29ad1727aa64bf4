/**
 * The ledger: the accounts of all namespaces with a budget, in one ConfigMap of the operator's namespace, where nobody whose budget it is may write.
 * What is written is compared with what was read (its resourceVersion), so that an operator that leads no longer counts nothing.
 */
import { cancelled, isOlder, isPast, newAccount, opened, type Account } from '../../budget/account.ts';
import { rateOf, type Prices } from '../../budget/prices.ts';
import { readAccounts, writtenAccounts } from '../../budget/stored.ts';
import { ANNOTATION, identityOf, LEDGER } from '../../crds/names.ts';
import { isAlreadyExists, isForbidden, isInvalid } from '../../kube/errors.ts';
import { ConfigMap, Job } from '../../kube/kinds.ts';
import type { KubeClient } from '../../kube/types.ts';
import { monthOf } from '../../text/calendar.ts';

/** Together they fit into a ConfigMap; one namespace leaves room for others. */
const HOLDS_MAX = 5000;
const HOLDS_OF_ONE = 1000;

export interface LedgerOptions {
  kube: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  /** Of the operator. */
  namespace: string;
  prices: Prices;
  now: () => Date;
}

interface Known {
  accounts: Map<string, Account>;
  /** As it was read or written last. */
  object: ConfigMap;
  /** When a bill was asked for, in ISO 8601. */
  askedAt: string | undefined;
}

export class Ledger {
  readonly #options: LedgerOptions;
  #known: Promise<Known> | undefined;
  #next: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();
  readonly #written = new Map<string, Account>();
  /** Jobs that are being made just now. */
  readonly #opening = new Set<string>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get prices(): Prices {
    return this.#options.prices;
  }

  /** The account of a namespace; a new one where it had none. */
  async of(namespace: string): Promise<Account> {
    return this.#in(await this.#load(), namespace);
  }

  /** As it was written down last. */
  written(namespace: string): Account | undefined {
    return this.#written.get(namespace);
  }

  isOpening(namespace: string, name: string): boolean {
    return this.#opening.has(`${namespace}/${name}`);
  }

  /** Changes an account in memory. */
  async change(namespace: string, change: (account: Account) => Account): Promise<Account> {
    const known = await this.#load();
    const account = change(this.#in(known, namespace));
    known.accounts.set(namespace, account);
    return account;
  }

  /** Makes a Job, which is on the record before it is there. */
  async making<T>(job: Job, make: () => Promise<T>): Promise<T> {
    const { namespace, name } = identityOf(job);
    const key = `${namespace}/${name}`;
    this.#opening.add(key);
    try {
      const isFirst = !Object.hasOwn((await this.of(namespace)).holds, name);
      await this.#open(job);
      return await make().catch(async (error: unknown) => {
        // Of an earlier try the Job may be there.
        if (isFirst && (await this.#wasNotMade(job, error)))
          await this.change(namespace, (one) => cancelled(one, name));
        throw error;
      });
    } finally {
      this.#opening.delete(key);
    }
  }

  /** When a bill was asked for last, in milliseconds since the epoch; undefined where nobody knows. */
  async billAskedAt(): Promise<number | undefined> {
    const ms = Date.parse((await this.#load()).askedAt ?? '');
    return Number.isNaN(ms) ? undefined : ms;
  }

  /** Writes down that a bill is about to be asked for: whoever leads next does not ask again. Rejects where that was not written. */
  async askingBill(): Promise<void> {
    const askedAt = this.#options.now().toISOString();
    (await this.#load()).askedAt = askedAt;
    await this.write();
    // A write that failed meanwhile had everything read again.
    if ((await this.#load()).askedAt !== askedAt)
      throw new Error('that a bill is asked for was not written down');
  }

  /** Nobody counts there any more: what has been spent stays. */
  async close(namespace: string): Promise<void> {
    const { accounts } = await this.#load();
    const account = accounts.get(namespace);
    if (!account || Object.keys(account.holds).length === 0) return;
    await this.change(namespace, (one) => ({ ...one, holds: {} }));
    await this.write();
  }

  /** Of a leader that was, and is again: others have written meanwhile. */
  forget(): void {
    this.#known = undefined;
  }

  /** Of most failures nobody knows. A Job of that name may be ours, where the answer to an earlier request was lost. */
  async #wasNotMade(job: Job, error: unknown): Promise<boolean> {
    if (isForbidden(error) || isInvalid(error)) return true;
    if (!isAlreadyExists(error)) return false;
    const { namespace, name } = identityOf(job);
    const found = await this.#options.kube.get(Job, { namespace, name });
    const hold = (await this.of(namespace)).holds[name];
    return found !== undefined && hold !== undefined && isOlder(found.metadata.creationTimestamp, hold);
  }

  async #open(job: Job): Promise<void> {
    const { namespace, name } = identityOf(job);
    const { containers = [], ...pod } = job.spec?.template.spec ?? {};
    const hold = {
      since: this.#options.now().getTime(),
      rate: rateOf({ ...pod, containers }, this.#options.prices),
    };
    await this.#refuseTooMany(namespace);
    await this.change(namespace, (account) => opened(account, name, hold));
    await this.write();
    // A write that failed meanwhile had everything read again.
    const { holds } = await this.of(namespace);
    if (!Object.hasOwn(holds, name)) throw new Error(`the hold of Job ${name} was not written down`);
  }

  async #refuseTooMany(namespace: string): Promise<void> {
    const { accounts } = await this.#load();
    const count = ({ holds }: Account): number => Object.keys(holds).length;
    const all = [...accounts.values()].reduce((sum, account) => sum + count(account), 0);
    const own = accounts.get(namespace);
    if (all >= HOLDS_MAX || (own && count(own) >= HOLDS_OF_ONE))
      throw new Error(
        `namespace ${namespace}: its budget counts at most ${HOLDS_OF_ONE} Pods at a time, and all budgets ${HOLDS_MAX}`,
      );
  }

  /** Writes all accounts down. Whoever asks while that is being done shares the next time. */
  write(): Promise<void> {
    this.#next ??= this.#writing
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#put();
        return this.#writing;
      });
    return this.#next;
  }

  async #put(): Promise<void> {
    try {
      const known = await this.#load();
      const { kube, now } = this.#options;
      const month = monthOf(now().getTime());
      for (const [namespace, account] of known.accounts)
        if (isPast(account, month)) known.accounts.delete(namespace);
      const written = new Map(known.accounts);
      const object = { ...withAsked(known), data: writtenAccounts(written) };
      known.object = await (object.metadata.resourceVersion === undefined
        ? kube.create(ConfigMap, object)
        : kube.replace(ConfigMap, object));
      for (const [namespace, account] of written) this.#written.set(namespace, account);
    } catch (error) {
      // Whether it was written, the API server knows.
      this.#known = undefined;
      throw error;
    }
  }

  #in({ accounts }: Known, namespace: string): Account {
    return accounts.get(namespace) ?? newAccount(this.#options.now().getTime());
  }

  #load(): Promise<Known> {
    this.#known ??= this.#read().catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #read(): Promise<Known> {
    const { kube, namespace } = this.#options;
    const key = { namespace, name: LEDGER };
    // Without any budget there is no ledger.
    const none: ConfigMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: key };
    const object = (await kube.get(ConfigMap, key)) ?? none;
    try {
      const accounts = readAccounts(object.data);
      this.#written.clear();
      for (const [of, account] of accounts) this.#written.set(of, account);
      return { accounts, object, askedAt: object.metadata.annotations?.[ANNOTATION.billAsked] };
    } catch (error) {
      throw new Error(`ConfigMap ${namespace}/${LEDGER}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** The object with the time of the bill as an annotation: keys of its data are namespaces, and an older operator leaves annotations alone. */
const withAsked = ({ object, askedAt }: Known): ConfigMap => ({
  ...object,
  metadata: {
    ...object.metadata,
    ...(askedAt !== undefined && {
      annotations: { ...object.metadata.annotations, [ANNOTATION.billAsked]: askedAt },
    }),
  },
});
