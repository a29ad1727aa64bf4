/** The store's side: an immutable object for each ended Trial, and the aggregate that is made of them. */
import type { ArtifactStore } from '../../../../providers/artifact-store/port.ts';
import { ProviderError } from '../../../../providers/errors.ts';
import type { TrialRecord } from '../../../../results/record.ts';
import { createBudget } from '../../../../async/in-parallel.ts';

/** Prefix of a run's entries: the same records as in `indexes/`, found by run. */
export const entriesPrefix = (run: string): string => `jobs/${run}/trials/`;
const entryKey = (run: string, trialName: string): string => `${entriesPrefix(run)}${trialName}.json`;
/** `jobs/<job_id>/result.json`. */
export const aggregateKey = (run: string): string => `jobs/${run}/result.json`;

/** `indexes/tasks/<task_name>/<task_version>/<trial_name>.json`. */
export const indexKey = ({ task_name, task_version, trial_name }: TrialRecord): string =>
  `indexes/tasks/${task_name}/${task_version ?? 'unversioned'}/${trial_name}.json`;

const ENTRY_MAX_BYTES = 256 * 1024;
const PARALLEL = 16;
const JSON_TYPE = { contentType: 'application/json' };

const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The records of a run, those of other writers included. */
export class RunIndex {
  readonly #store: ArtifactStore;
  readonly #run: string;
  readonly #records = new Map<string, TrialRecord>();
  readonly #stored = new Set<string>();
  readonly #turn = createBudget(PARALLEL);

  constructor(store: ArtifactStore, run: string) {
    this.#store = store;
    this.#run = run;
  }

  /** Everything known so far: added here, or read from the store. */
  get records(): TrialRecord[] {
    return [...this.#records.values()];
  }

  add(record: TrialRecord): void {
    this.#records.set(record.trial_name, record);
  }

  /** Reads what others stored, and stores what is not there yet. */
  async exchange(): Promise<void> {
    await this.#take();
    const missing = this.records.filter(({ trial_name }) => !this.#stored.has(trial_name));
    await Promise.all(missing.map((record) => this.#turn(1, () => this.#put(record))));
  }

  /**
   * Writes the aggregate of all entries. Nobody's entry can be lost: entries are immutable objects of their own, and after writing the
   * aggregate each writer looks whether there are entries that it did not know; then it writes again. The last writer so sees them all.
   */
  async publish(aggregate: (records: TrialRecord[]) => object): Promise<void> {
    for (;;) {
      await this.exchange();
      await this.#store.put(aggregateKey(this.#run), text(aggregate(this.records)), JSON_TYPE);
      if (!(await this.#take())) return;
    }
  }

  /** True when there was something new. */
  async #take(): Promise<boolean> {
    const names: string[] = [];
    const prefix = entriesPrefix(this.#run);
    for await (const { key } of this.#store.list(prefix))
      names.push(key.slice(prefix.length, -'.json'.length));
    for (const name of names) this.#stored.add(name);
    const unknown = names.filter((name) => !this.#records.has(name));
    await Promise.all(unknown.map((name) => this.#turn(1, () => this.#read(name))));
    return unknown.length > 0;
  }

  async #read(trialName: string): Promise<void> {
    const contents = await this.#store.get(entryKey(this.#run, trialName), ENTRY_MAX_BYTES);
    if (contents) this.add(JSON.parse(Buffer.from(contents).toString('utf8')) as TrialRecord);
  }

  /** The run's entry comes last: where it is, the index has the Trial too. */
  async #put(record: TrialRecord): Promise<void> {
    for (const key of [indexKey(record), entryKey(this.#run, record.trial_name)])
      await this.#store.put(key, text(record), { ...JSON_TYPE, ifAbsent: true }).catch(unlessThere);
    this.#stored.add(record.trial_name);
  }
}

function unlessThere(error: unknown): void {
  if (!(error instanceof ProviderError && error.reason === 'PreconditionFailed')) throw error;
}
