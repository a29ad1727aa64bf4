/**
 * Keeps `runs.json` of tasks. It is a convenience for readers, who find every Trial as an object beside it: it is written when several Trials
 * of a version have ended, so that it costs less than one write in sixteen Trials.
 */
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import { taskIndexPrefix, taskRunsKey } from '../../results/keys.ts';
import type { TrialRecord } from '../../results/record.ts';
import { TASK_RUNS_MAX_BYTES, withRuns } from '../../results/task-runs.ts';

/** As many Trials of a version wait until they are written. */
const TOGETHER = 16;
/** As many wait in all; the versions that have waited longest are given up: readers find their Trials one by one. */
const WAITING_MAX = 20_000;

/** By Trial's name. */
type Waiting = Map<string, TrialRecord>;

export class TaskRuns {
  readonly #waiting = new Map<string, Waiting>();
  #count = 0;

  /** Takes records that are in the index of their run. */
  add(records: readonly TrialRecord[]): void {
    for (const record of records) {
      const prefix = taskIndexPrefix(record);
      const waiting = this.#waiting.get(prefix) ?? new Map<string, TrialRecord>();
      this.#waiting.set(prefix, waiting);
      this.#count += Number(!waiting.has(record.trial_name));
      waiting.set(record.trial_name, record);
    }
    for (const [prefix, waiting] of this.#waiting) {
      if (this.#count <= WAITING_MAX) return;
      // What is due is written first.
      if (waiting.size < TOGETHER) this.#drop(prefix);
    }
  }

  /** Writes what is due. */
  async write(artifacts: ArtifactStore): Promise<void> {
    for (const [prefix, waiting] of this.#waiting) {
      if (waiting.size < TOGETHER) continue;
      const records = [...waiting.values()];
      this.#drop(prefix);
      await store(artifacts, records).catch((error: unknown) => {
        this.add(records);
        throw error;
      });
    }
  }

  #drop(prefix: string): void {
    this.#count -= this.#waiting.get(prefix)?.size ?? 0;
    this.#waiting.delete(prefix);
  }
}

/** Writers of the same version at the same time; each of them may come in between once. */
const TRIES = 4;

async function store(artifacts: ArtifactStore, records: readonly TrialRecord[]): Promise<void> {
  const [first] = records;
  if (!first) return;
  for (let attempt = 1; ; attempt++) {
    try {
      await merge(artifacts, taskRunsKey(first), records);
      return;
    } catch (error) {
      const beaten = error instanceof ProviderError && error.reason === 'PreconditionFailed';
      if (!beaten || attempt === TRIES) throw error;
    }
  }
}

async function merge(artifacts: ArtifactStore, key: string, records: readonly TrialRecord[]): Promise<void> {
  const found = await artifacts.head(key);
  const contents =
    found && found.size <= TASK_RUNS_MAX_BYTES ? await artifacts.get(key, found.size) : undefined;
  const text = withRuns(contents, records);
  if (contents && Buffer.from(contents).toString('utf8') === text) return;
  const condition = found ? { ifMatch: found.etag } : { ifAbsent: true };
  await artifacts.put(key, text, { contentType: 'application/json', ...condition });
}
