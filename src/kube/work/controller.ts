import { keyString } from '../cache/cache.ts';
import { sleep, type Clock } from '../../async/clock.ts';
import { isConflict, isFenced, isPassing, TerminalError } from '../errors.ts';
import { deadline } from '../http/deadline.ts';
import type { ControllerMetrics, Metrics } from '../metrics.ts';
import { createTurns } from '../turns.ts';
import type { KubeObject, Kind, Log, ObjectKey, Reconcile, Result } from '../types.ts';
import { forgetful, type InWork } from './in-work.ts';
import type { OwnWrites } from './own-writes.ts';
import { Queue, SUSPECT, type AddOptions } from './queue.ts';
import { runReconciliation } from './reconciliation.ts';

export interface ControllerOptions {
  name: string;
  reconcile: Reconcile;
  /** Keys worked on at the same time; one key never is. Default 1. */
  concurrency?: number;
  /** When this has passed, the reconcile's signal fires and its worker goes on. Default 60 s. */
  reconcileTimeoutMs?: number;
  /** False as soon as another replica may be leader. */
  mayWrite?: () => boolean;
  ownWrites?: OwnWrites;
  /** What is in work, for the process after this one; default: nobody is told. */
  inWork?: InWork;
  clock: Clock;
  log: Log;
  metrics: Metrics;
}

export interface Controller {
  enqueue(key: ObjectKey, options?: AddOptions): void;
  /**
   * Takes no more keys, lets running reconciles finish for `graceMs`, then ends them. Resolves to whether nothing of them is under way any more: of one
   * that was ended, or had been at its deadline, a request may still be on its way.
   */
  stop(graceMs: number): Promise<boolean>;
}

/** How often a key looks whether the cache shows its own writes; the watch event itself wakes it sooner. */
const CACHE_LAG_MS = 50;

/** An API server that answers again finds all that it refused meanwhile tried again within this time, however long that was. */
const PASSING_MAX_MS = 20_000;

const SUSPECT_MAX_MS = 3_600_000;

/** One death may be chance: such a key is merely last, once all others are in line. From the second on it waits, twice as long each time. */
const suspectPauseMs = (deaths: number): number =>
  deaths === 1 ? 1000 : Math.min(SUSPECT_MAX_MS, 30_000 * 2 ** (deaths - 2));

function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return { namespace: slash === -1 ? '' : key.slice(0, slash), name: key.slice(slash + 1) };
}

const isBug = (error: unknown): boolean =>
  !(error instanceof Error) || [TypeError, ReferenceError, RangeError].some((type) => error instanceof type);

/** Rejects when the signal fires, whether or not `work` heeds it. */
async function endBy<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    // What loses the race may still fail, and nobody else listens.
    work.catch(() => undefined);
    aborted.promise.catch(() => undefined);
  }
}

class Workers implements Controller {
  readonly #options: ControllerOptions;
  readonly #metrics: ControllerMetrics;
  readonly #queue: Queue;
  readonly #stop = new AbortController();
  readonly #started = new Map<string, number>();
  readonly #workers: Promise<void>[];
  /** The work of reconciles, for as long as it goes on: longer than these where it heeds no deadline. */
  readonly #unsettled = new Set<Promise<unknown>>();
  readonly #inWork: InWork;
  readonly #began: number;

  constructor(options: ControllerOptions) {
    const { name, concurrency = 1, clock, metrics } = options;
    this.#options = options;
    this.#inWork = options.inWork ?? forgetful;
    this.#began = clock.monotonic();
    this.#metrics = metrics.controller(name, { concurrency, started: () => [...this.#started.values()] });
    this.#queue = new Queue({ clock, metrics: this.#metrics.queue });
    this.#workers = Array.from({ length: concurrency }, () => this.#work());
  }

  enqueue(key: ObjectKey, options?: AddOptions): void {
    this.#queue.add(keyString(key), this.#inTurn(keyString(key), options));
  }

  /** Whatever happens to a suspect, it comes after all others until it has gone well once. */
  #inTurn(key: string, options: AddOptions = {}): AddOptions {
    const deaths = this.#inWork.deaths(key);
    if (deaths === 0) return options;
    const pause = this.#began + suspectPauseMs(deaths) - this.#options.clock.monotonic();
    return { priority: SUSPECT, afterMs: Math.max(options.afterMs ?? 0, pause) };
  }

  async stop(graceMs: number): Promise<boolean> {
    this.#queue.close();
    const wakeUp = new AbortController();
    const late = sleep(this.#options.clock, graceMs, wakeUp.signal).then(() => false);
    const isOver = await Promise.race([this.#over(), ...(graceMs > 0 ? [late] : [false])]);
    wakeUp.abort();
    const endedByItself = isOver && !this.#stop.signal.aborted;
    this.#stop.abort(new Error(`controller ${this.#options.name} stopped`));
    await Promise.all(this.#workers);
    return endedByItself;
  }

  async #over(): Promise<true> {
    await Promise.all(this.#workers);
    await Promise.allSettled(this.#unsettled);
    return true;
  }

  async #work(): Promise<void> {
    const turn = createTurns();
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      if (this.#options.ownWrites?.isAhead(key)) this.#queue.putBack(key, CACHE_LAG_MS);
      else await this.#process(key);
      this.#queue.done(key);
      // Ten thousand reconciles that find nothing to do would otherwise be one long stall.
      await turn();
    }
  }

  async #process(key: string): Promise<void> {
    const { clock } = this.#options;
    const began = clock.monotonic();
    this.#started.set(key, began);
    this.#inWork.begin(key);
    this.#metrics.active(this.#started.size);
    try {
      const result = await this.#reconcile(key);
      this.#queue.forget(key);
      if (result?.requeueAfterMs !== undefined) this.#queue.add(key, { afterMs: result.requeueAfterMs });
      const outcome = result?.requeueAfterMs === undefined ? 'success' : 'requeue_after';
      this.#metrics.reconciled(outcome, clock.monotonic() - began);
    } catch (error) {
      this.#metrics.reconciled('error', clock.monotonic() - began);
      this.#failed(key, error);
    } finally {
      this.#inWork.end(key);
      this.#started.delete(key);
      this.#metrics.active(this.#started.size);
    }
  }

  async #reconcile(key: string): Promise<Result | undefined> {
    const { clock, reconcile, reconcileTimeoutMs = 60_000, mayWrite = () => true, ownWrites } = this.#options;
    const limit = deadline(clock, reconcileTimeoutMs, [this.#stop.signal]);
    const reconciliation = {
      signal: limit.signal,
      mayWrite,
      wrote: (kind: Kind<KubeObject>, object: KubeObject) => ownWrites?.remember(key, kind, object),
    };
    try {
      const run = async (): Promise<Result | undefined> => reconcile(parseKey(key), limit.signal);
      return await endBy(limit.signal, this.#settling(runReconciliation(reconciliation, run)));
    } catch (error) {
      if (limit.expired()) this.#metrics.failed('timeout');
      throw error;
    } finally {
      limit.clear();
    }
  }

  #settling<T>(work: Promise<T>): Promise<T> {
    this.#unsettled.add(work);
    const forget = (): unknown => this.#unsettled.delete(work);
    work.then(forget, forget);
    return work;
  }

  #failed(key: string, error: unknown): void {
    const { log, name } = this.#options;
    const fields = { controller: name, key, err: error };
    if (error instanceof TerminalError) {
      this.#metrics.failed('terminal');
      this.#queue.forget(key);
      log.error(fields, 'reconcile failed for good');
      return;
    }
    if (isBug(error)) this.#metrics.failed('panic');
    this.#queue.retry(key, isPassing(error) ? PASSING_MAX_MS : undefined);
    if (isConflict(error)) log.debug(fields, 'object changed meanwhile, reconciling again');
    else if (isFenced(error)) log.debug(fields, 'reconcile left to the next leader');
    else if (!this.#stop.signal.aborted) log.error(fields, 'reconcile failed, will be retried');
  }
}

/** Starts the workers of a controller. They run until `stop`. */
export function createController(options: ControllerOptions): Controller {
  return new Workers(options);
}
