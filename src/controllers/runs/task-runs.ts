/**
 * Keeps `runs.json` of tasks. It is a convenience for readers, who find every Trial as an object beside it: it is written when several Trials
 * of a version have ended, so that it costs less than one write in sixteen Trials.
 */
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { taskIndexPrefix } from '../../results/keys.ts';
import type { TrialRecord } from '../../results/record.ts';
import { RUNS_TOGETHER } from '../../results/task-runs.ts';
import { addTaskRuns } from '../../results/write-index.ts';

/** As many wait in all; the versions that have waited longest are given up: readers find their Trials one by one. */
const WAITING_MAX = 20_000;

/** By Trial's name. */
type Waiting = Map<string, TrialRecord>;

export class TaskRuns {
  readonly #waiting = new Map<string, Waiting>();
  /** Versions of which enough wait. */
  readonly #due = new Set<string>();
  #count = 0;

  /** Takes records that are in the index of their run. */
  add(records: readonly TrialRecord[]): void {
    for (const record of records) {
      const prefix = taskIndexPrefix(record);
      const waiting = this.#waiting.get(prefix) ?? new Map<string, TrialRecord>();
      this.#waiting.set(prefix, waiting);
      this.#count += Number(!waiting.has(record.trial_name));
      waiting.set(record.trial_name, record);
      if (waiting.size >= RUNS_TOGETHER) this.#due.add(prefix);
    }
    for (const prefix of this.#waiting.keys()) {
      if (this.#count <= WAITING_MAX) return;
      // What is due is about to be written.
      if (!this.#due.has(prefix)) this.#drop(prefix);
    }
  }

  /** Writes what is due. */
  async write(artifacts: ArtifactStore): Promise<void> {
    for (const prefix of this.#due) {
      const records = [...(this.#waiting.get(prefix)?.values() ?? [])];
      this.#drop(prefix);
      await addTaskRuns(artifacts, records).catch((error: unknown) => {
        this.add(records);
        throw error;
      });
    }
  }

  #drop(prefix: string): void {
    this.#count -= this.#waiting.get(prefix)?.size ?? 0;
    this.#waiting.delete(prefix);
    this.#due.delete(prefix);
  }
}
