import { Refusal, type Collection, type Stored } from './objects.ts';
import type { Selects } from './selectors.ts';

/** As the real one: items of a list say neither apiVersion nor kind. */
export type ListItem = Omit<Stored, 'apiVersion' | 'kind'>;

interface Snapshot {
  version: number;
  rest: Stored[];
}

/** Lists in pages of one snapshot each, whose tokens die with a compaction. */
export class Lists {
  readonly #snapshots = new Map<string, Snapshot>();
  #tokens = 0;

  /** As a compaction does to lists under way. */
  expire(): void {
    this.#snapshots.clear();
  }

  page(
    collection: Collection,
    query: URLSearchParams,
    at: { selects: Selects; version: number },
  ): object & { items: ListItem[] } {
    const snapshot = this.#snapshot(collection, query.get('continue'), at);
    const limit = Number(query.get('limit') ?? 0) || Infinity;
    const items = snapshot.rest.slice(0, limit);
    const rest = snapshot.rest.slice(items.length);
    const token = rest.length > 0 ? this.#keep({ version: snapshot.version, rest }) : undefined;
    const metadata = { resourceVersion: String(snapshot.version), ...(token && { continue: token }) };
    const kind = `${[...collection.objects.values()][0]?.kind ?? 'Object'}List`;
    const bare = items.map(({ apiVersion: _apiVersion, kind: _kind, ...item }): ListItem => item);
    const list = { apiVersion: 'v1', kind, metadata, items: bare };
    return list;
  }

  #snapshot(
    collection: Collection,
    token: string | null,
    at: { selects: Selects; version: number },
  ): Snapshot {
    if (!token) return { version: at.version, rest: [...collection.objects.values()].filter(at.selects) };
    const known = this.#snapshots.get(token);
    if (!known) throw new Refusal(410, 'Expired');
    return known;
  }

  #keep(snapshot: Snapshot): string {
    const token = String(++this.#tokens);
    this.#snapshots.set(token, snapshot);
    return token;
  }
}
