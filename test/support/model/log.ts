/** What the server was asked and what it gave, for tests to compare with what an agent says of itself. */
import type { Usage } from './script.ts';

export interface LogEntry {
  /** ISO 8601. */
  time: string;
  method: string;
  /** Without the query, which may hold a key. */
  path: string;
  /** Names of the request's headers. */
  headers: string[];
  /** Size of the request's body. */
  bytes: number;
  protocol?: string;
  /** Name of the key, never its value. */
  key?: string;
  model?: string;
  script?: string;
  /** Index of the scene of the script. */
  turn?: number;
  /** A call beside the conversation: a title, a summary. */
  side?: boolean;
  stream?: boolean;
  /** Names of the tools offered. */
  tools?: string[];
  /** Undefined until something was answered. */
  status?: number;
  /** `cut`: half of the reply was sent. `abandoned`: the client left first. */
  outcome?: 'answered' | 'failed' | 'cut' | 'abandoned';
  /** What the client was told in full that the reply cost. */
  usage?: Usage;
}

export interface KeyTotals extends Usage {
  requests: number;
  replies: number;
  failures: number;
}

/** The newest entries; older ones are dropped, totals are not. */
export class Log {
  readonly #most: number;
  #entries: LogEntry[] = [];
  readonly #totals = new Map<string, KeyTotals>();

  constructor(most = 10_000) {
    this.#most = most;
  }

  /** Keeps an entry that is filled in until its request has ended. */
  begin(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > 2 * this.#most) this.#entries = this.entries();
  }

  /** Counts an entry to which nothing is added any more. */
  end({ key, usage, outcome }: LogEntry): void {
    if (key === undefined) return;
    const totals = this.#totals.get(key) ?? none();
    this.#totals.set(key, totals);
    totals.requests++;
    if (outcome === 'failed') totals.failures++;
    if (usage === undefined) return;
    totals.replies++;
    for (const kind of kinds) totals[kind] += usage[kind];
  }

  entries(): LogEntry[] {
    return this.#entries.slice(-this.#most);
  }

  /** By the key's name. */
  totals(): Record<string, KeyTotals> {
    return Object.fromEntries(this.#totals);
  }
}

const kinds = ['input', 'output', 'cacheRead', 'cacheWrite', 'reasoning'] as const;

const none = (): KeyTotals => ({
  requests: 0,
  replies: 0,
  failures: 0,
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  reasoning: 0,
});
