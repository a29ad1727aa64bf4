/** What the operator has written of a run: the records of its index, and its aggregate. */
import { inParallel } from '../../../../async/in-parallel.ts';
import type { ArtifactStore } from '../../../../providers/artifact-store/port.ts';
import { noneIfTooLarge } from '../../../../providers/errors.ts';
import { inLocalTime, readJobResult, type JobResult } from '../../../../results/job-result.ts';
import { jobResultKey } from '../../../../results/keys.ts';
import { findJob, recordsOfShard } from '../../../../results/read-index.ts';
import type { TrialRecord } from '../../../../results/record.ts';

const PARALLEL = 16;
const RESULT_MAX_BYTES = 64 * 1024 ** 2;

export class StoredIndex {
  readonly #store: ArtifactStore;
  readonly #run: { run: string; namespace: string };
  readonly #shards = new Set<string>();
  readonly #records = new Map<string, TrialRecord>();
  #job: string;

  constructor(store: ArtifactStore, run: { run: string; namespace: string }) {
    this.#store = store;
    this.#run = run;
    this.#job = run.run;
  }

  /** By trial name, what has been read so far. */
  get records(): ReadonlyMap<string, TrialRecord> {
    return this.#records;
  }

  /** Reads the shards that are new. */
  async refresh(): Promise<void> {
    const { job, manifest } = await findJob(this.#store, this.#run);
    this.#job = job;
    const fresh = (manifest?.shards ?? []).filter(({ name }) => !this.#shards.has(name));
    const take = async (shard: (typeof fresh)[number]): Promise<void> => {
      for (const record of await recordsOfShard(this.#store, job, shard))
        this.#records.set(record.trial_name, record);
      this.#shards.add(shard.name);
    };
    await inParallel(fresh, take, { width: PARALLEL });
  }

  /** The aggregate as it is stored, in this machine's time; undefined where there is none, or something else in its place. */
  async result(): Promise<JobResult | undefined> {
    if (this.#shards.size === 0) return undefined;
    const contents = await this.#store.get(jobResultKey(this.#job), RESULT_MAX_BYTES).catch(noneIfTooLarge);
    const result = contents && readJobResult(Buffer.from(contents).toString('utf8'));
    return result && inLocalTime(result);
  }
}
