/** Names in the order in which they came. */
class Row {
  readonly #names = new Set<string>();
  /** The same for good: a new one would pass by the places of all that were taken out before it. */
  readonly #order = this.#names.values();

  get size(): number {
    return this.#names.size;
  }

  add(name: string): void {
    this.#names.add(name);
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  /** Takes out the first. */
  shift(): string | undefined {
    // An iterator that has come to an end never goes on.
    if (this.#names.size === 0) return undefined;
    const { value } = this.#order.next();
    if (value !== undefined) this.#names.delete(value);
    return value;
  }
}

/** A key's namespace; that of all cluster-scoped objects is ''. */
const namespaceOf = (key: string): string => key.slice(0, Math.max(0, key.indexOf('/')));

/**
 * Keys that may be worked on. Namespaces take turns, one key each, however many keys one of them has: a key waits for one key at most of each other
 * namespace. Within a namespace the highest priority comes first, and among equals the key that came first.
 */
export class ReadyKeys {
  /** Rows by priority, by namespace; none is empty. */
  readonly #rows = new Map<string, Map<number, Row>>();
  readonly #turns = new Row();

  add(key: string, priority: number): void {
    const namespace = namespaceOf(key);
    const rows = this.#rows.get(namespace) ?? new Map<number, Row>();
    const row = rows.get(priority) ?? new Row();
    row.add(key);
    rows.set(priority, row);
    this.#rows.set(namespace, rows);
    // One that has a turn keeps it.
    this.#turns.add(namespace);
  }

  delete(key: string, priority: number): void {
    const namespace = namespaceOf(key);
    this.#rows.get(namespace)?.get(priority)?.delete(key);
    this.#tidy(namespace, priority);
    if (!this.#rows.has(namespace)) this.#turns.delete(namespace);
  }

  /** Takes out the key whose turn it is. */
  shift(): string | undefined {
    const namespace = this.#turns.shift();
    const rows = namespace === undefined ? undefined : this.#rows.get(namespace);
    if (namespace === undefined || !rows) return undefined;
    const priority = Math.max(...rows.keys());
    const key = rows.get(priority)?.shift();
    this.#tidy(namespace, priority);
    if (this.#rows.has(namespace)) this.#turns.add(namespace);
    return key;
  }

  #tidy(namespace: string, priority: number): void {
    const rows = this.#rows.get(namespace);
    if (rows?.get(priority)?.size === 0) rows.delete(priority);
    if (rows?.size === 0) this.#rows.delete(namespace);
  }
}
