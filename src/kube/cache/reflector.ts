import { sleep, type Clock } from '../../async/clock.ts';
import { ApiError } from '../errors.ts';
import { BrokenStream, readLines } from '../http/lines.ts';
import { collectionPath, queryString, type Resource } from '../http/paths.ts';
import type { Transport } from '../http/transport.ts';
import type { KubeObject, ListOptions, Log } from '../types.ts';
import { createBackoff, REFLECTOR_BACKOFF, type Backoff } from './backoff.ts';
import { keyOf, keyString, type ObjectCache } from './cache.ts';
import { listAll } from './list.ts';
import { endsInitialEvents, parseLine } from './watch-line.ts';
import { createWatchdog } from './watchdog.ts';

export interface ReflectorOptions<T extends KubeObject> {
  resource: Resource;
  /** Namespace and selectors; all objects without them. */
  scope: ListOptions;
  cache: ObjectCache<T>;
  transport: Transport;
  /** Lists in pages: an API server ends a streamed list up to three seconds late while other kinds are written and this one is not. */
  paged?: boolean;
  /** A version of the collection that the first list in pages must have, and that is enough. */
  notOlderThan?: string | undefined;
  /** Makes objects smaller before they are kept. managedFields are always dropped. */
  transform?: (object: T) => T;
  clock: Clock;
  random: () => number;
  log: Log;
  onRound?: (what: 'list' | 'watch') => void;
  onFailure?: (reason: string) => void;
  /** A stream silent for this long is dead. Milliseconds. */
  silenceMs?: number;
}

/** Of a list that is streamed; the server may take its time over the first object. */
const LIST_SILENCE_MS = 90_000;
/** The server ends a watch, on a connection that goes on, before it has been silent for so long; two seconds before that end it sends a bookmark. */
const FOLLOW_SECONDS = { least: 24, more: 6 };
/** With the watchdog's quarter, nobody is behind for more than 45 s because a connection broke and no end of it heard of that. */
const FOLLOW_SILENCE_MS = 35_000;
const HEADERS_MS = 30_000;
/** A watch closed sooner than this is a failure in disguise (client-go: "very short watch"). */
const SHORT_WATCH_MS = 1000;
/** After so many failed tries to resume without one event, the version itself is suspect. */
const RESUMES_BEFORE_RELIST = 5;

const SILENT = 'silent stream';

/** What the failed request or stream says about our resourceVersion. */
function versionIsUnusable(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  if ([401, 403, 429].includes(error.status)) return false;
  return error.status >= 400 && error.status < 500;
}

/** A server without streamed lists refuses the parameters, or ignores them and stays silent. */
const refusesStreaming = (error: unknown): boolean =>
  error instanceof ApiError && [400, 405, 422].includes(error.status);

/**
 * Keeps a cache equal to a collection of the API server, for as long as `run` runs, whatever happens between them:
 * streamed list where the server has it, paged list elsewhere; then a watch that resumes where it broke off.
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #backoff: Backoff;
  #streaming = true;
  /** Where to resume; none: the collection has to be listed. */
  #version: string | undefined;
  /** Keys of a list under way; none: the cache is complete. */
  #listed: Set<string> | undefined;
  #fruitless = 0;
  /** For the next list alone. */
  #notOlderThan: string | undefined;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#streaming = !options.paged;
    this.#notOlderThan = options.notOlderThan;
    this.#backoff = createBackoff({ ...options, ...REFLECTOR_BACKOFF });
  }

  /** Runs until `signal` fires. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const began = clock.monotonic();
      const again = await this.#round(signal).then(
        () => clock.monotonic() - began >= SHORT_WATCH_MS,
        (error: unknown) => !signal.aborted && this.#failed(error),
      );
      if (!again) await sleep(clock, this.#backoff.next(), signal);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    if (this.#version === undefined && !this.#streaming) await this.#list(signal);
    this.#options.onRound?.('watch');
    await this.#watch(signal);
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { transport, resource, scope, onRound } = this.#options;
    onRound?.('list');
    const notOlderThan = this.#notOlderThan;
    this.#notOlderThan = undefined;
    const version = await listAll<T>({
      transport,
      resource,
      options: scope,
      signal,
      notOlderThan,
      onStart: () => (this.#listed = new Set()),
      onObject: (object) => this.#takeIn(object),
    });
    this.#completeList(version);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, transport } = this.#options;
    const silence = new AbortController();
    const watchdog = createWatchdog(
      clock,
      () => this.#silenceMs(),
      () => silence.abort(new BrokenStream(SILENT)),
    );
    const either = AbortSignal.any([signal, silence.signal]);
    const isList = this.#version === undefined;
    if (isList) this.#listed = new Set();
    try {
      const body = await transport.stream({
        path: this.#path(),
        signal: either,
        headersTimeoutMs: HEADERS_MS,
      });
      for await (const line of readLines(body)) {
        watchdog.touch();
        this.#options.cache.heard();
        this.#onLine(line);
      }
    } catch (error) {
      if (!silence.signal.aborted) throw error;
      // The server would go on for minutes with a watch that began as a list, as silent as it likes: another one follows.
      if (!isList || this.#version === undefined) throw silence.signal.reason;
    } finally {
      watchdog.stop();
    }
  }

  #silenceMs(): number {
    const { silenceMs } = this.#options;
    return silenceMs ?? (this.#version === undefined ? LIST_SILENCE_MS : FOLLOW_SILENCE_MS);
  }

  /** How long the server may serve a watch. The list that one begins with has to fit into it, and the times of many watches must not be the same. */
  #timeoutSeconds(): number {
    const { random } = this.#options;
    if (this.#version === undefined) return Math.round(300 * (1 + random()));
    return FOLLOW_SECONDS.least + Math.round(FOLLOW_SECONDS.more * random());
  }

  #path(): string {
    const { resource, scope } = this.#options;
    const { labelSelector, fieldSelector } = scope;
    const streamedList = this.#version === undefined;
    const query = queryString({
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion: this.#version,
      sendInitialEvents: streamedList || undefined,
      resourceVersionMatch: streamedList ? 'NotOlderThan' : undefined,
      timeoutSeconds: this.#timeoutSeconds(),
      labelSelector,
      fieldSelector,
    });
    return collectionPath(resource, scope.namespace) + query;
  }

  #onLine(line: string): void {
    const { type, object } = parseLine<T>(line, this.#options.resource.plural);
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
        this.#takeIn(object);
        break;
      case 'DELETED':
        this.#options.cache.remove(object);
        break;
      case 'BOOKMARK':
        if (endsInitialEvents(object)) this.#completeList(object.metadata.resourceVersion ?? '');
        break;
      default:
        throw new BrokenStream('an event of unknown type');
    }
    if (this.#listed === undefined) this.#advance(object.metadata.resourceVersion);
  }

  #takeIn(object: T): void {
    const { cache, transform } = this.#options;
    delete (object.metadata as { managedFields?: unknown }).managedFields;
    const kept = transform ? transform(object) : object;
    if (this.#listed === undefined) {
      cache.update(kept);
      return;
    }
    this.#listed.add(keyString(keyOf(kept)));
    cache.put(kept);
  }

  #completeList(version: string): void {
    if (this.#listed) this.#options.cache.finishList(this.#listed, version);
    this.#listed = undefined;
    this.#version = version;
  }

  #advance(version: string | undefined): void {
    this.#version = version ?? this.#version;
    this.#fruitless = 0;
    this.#options.cache.advance(version);
  }

  /** Decides where to go on after a failure; true: at once. */
  #failed(error: unknown): boolean {
    const { log, onFailure, resource } = this.#options;
    const reason = error instanceof ApiError ? error.reason : error instanceof Error ? error.name : 'Unknown';
    onFailure?.(reason);
    log.warn({ resource: resource.plural, reason, err: error }, 'watch interrupted');
    if (this.#version === undefined) return this.#listFailed(error);
    this.#fruitless += 1;
    const hopeless = this.#fruitless >= RESUMES_BEFORE_RELIST && reason !== 'Unreachable';
    if (versionIsUnusable(error) || hopeless) {
      this.#version = undefined;
      this.#fruitless = 0;
    }
    return false;
  }

  #listFailed(error: unknown): boolean {
    if (!this.#streaming) return false;
    const silent = error instanceof BrokenStream && error.message === SILENT;
    if (!refusesStreaming(error) && !silent) return false;
    this.#streaming = false;
    return true;
  }
}
