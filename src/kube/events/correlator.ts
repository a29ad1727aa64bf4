import { Lru } from '../../async/lru.ts';

/** What somebody wants to tell about an object. `about` identifies the object. */
export interface Note {
  about: string;
  namespace: string;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
}

/** What to write: a new Event, or one more of a known Event. */
export interface Correlated {
  message: string;
  count: number;
  /** Name of the Event that is counted up; undefined for the first. */
  name: string | undefined;
  firstSeen: number;
  /** Remembers under which name the Event was written. */
  written(name: string): void;
}

const CACHE = 4096;
/** Similar events (same object, type and reason, other message) before they are combined, and for how long. */
const SIMILAR = 10;
const SIMILAR_MS = 600_000;
interface Rate {
  /** So many at once, */
  burst: number;
  /** then one in this time, in milliseconds. */
  refillMs: number;
}

const OF_ONE_OBJECT: Rate = { burst: 25, refillMs: 300_000 };
/** Of thousands of objects of a namespace to which the same happens: each event is a write, and says what its object says itself. */
const OF_ONE_REASON: Rate = { burst: 25, refillMs: 5000 };

interface Known {
  count: number;
  firstSeen: number;
  name: string | undefined;
}

/** client-go's EventCorrelator: rate limit by object, combination of similar events, counting of equal ones. Ours: a rate limit by namespace and reason. */
export class Correlator {
  readonly #now: () => number;
  readonly #buckets = new Lru<{ tokens: number; at: number }>(CACHE);
  readonly #similar = new Lru<{ messages: Set<string>; at: number }>(CACHE);
  readonly #known = new Lru<Known>(CACHE);

  constructor(now: () => number) {
    this.#now = now;
  }

  /** What to write for this note; undefined when its object has said too much already, or too many of its namespace the same. */
  correlate(note: Note): Correlated | undefined {
    const group = [note.about, note.type, note.reason].join('\n');
    const combined = this.#isCombined(group, note.message);
    const message = combined ? `(combined from similar events): ${note.message}` : note.message;
    const known = this.#count(combined ? group : `${group}\n${note.message}`);
    if (!this.#allowed(note.about, OF_ONE_OBJECT)) return undefined;
    if (!this.#allowed([note.namespace, note.type, note.reason].join('\n'), OF_ONE_REASON)) return undefined;
    const { count, name, firstSeen } = known;
    return { message, count, name, firstSeen, written: (written) => (known.name = written) };
  }

  #isCombined(group: string, message: string): boolean {
    const now = this.#now();
    const known = this.#similar.get(group);
    const fresh = known && now - known.at <= SIMILAR_MS;
    const messages = fresh ? known.messages : new Set<string>();
    if (messages.size < SIMILAR) messages.add(message);
    this.#similar.set(group, { messages, at: now });
    return messages.size >= SIMILAR && !messages.has(message);
  }

  #count(key: string): Known {
    const known = this.#known.get(key) ?? { count: 0, firstSeen: this.#now(), name: undefined };
    known.count += 1;
    this.#known.set(key, known);
    return known;
  }

  #allowed(whose: string, { burst, refillMs }: Rate): boolean {
    const now = this.#now();
    const bucket = this.#buckets.get(whose) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.at) / refillMs);
    const allowed = tokens >= 1;
    this.#buckets.set(whose, { tokens: allowed ? tokens - 1 : tokens, at: now });
    return allowed;
  }
}
