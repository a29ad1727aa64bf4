/** Everything that a run leaves behind: files of each Trial and the job's files on this disk. */
import { join } from 'node:path';
import { isFinished } from '../../../crds/conditions.ts';
import { findJob, recordsOfShard } from '../../../results/read-index.ts';
import { jobResultKey, resultsName, resultsPrefix } from '../../../results/keys.ts';
import type { Trial } from '../../../crds/trial.ts';
import { inParallel } from '../../../async/in-parallel.ts';
import { noneIfTooLarge } from '../../../providers/errors.ts';
import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import type { RunView } from '../follow/view.ts';
import { persistently } from '../../session/persistent.ts';
import { inLocalTime, jobResult, readJobResult, type JobResult } from '../../../results/job-result.ts';
import { jobConfig, jobLock } from '../../../results/lock.ts';
import { PAUSES_MS, startMirror, type MirrorReport, type StoredTrial } from './mirror.ts';
import { problemOf, type ResultsProblem } from './problem.ts';
import { recordOf, type TrialRecord } from '../../../results/record.ts';
import { removePartial, writeTextWhole } from './files.ts';

interface ResultsOptions {
  store: ArtifactStore;
  run: string;
  namespace: string;
  /** Where runs have their folders: `jobs`, as an absolute path. */
  jobsDir: string;
  /** Counts what runs and what is still to come. */
  view: RunView;
  now: () => Date;
  /** Ends the copying. */
  signal: AbortSignal;
  onProblem?: (problem: ResultsProblem) => void;
  /** Pause between two writings of the aggregate while the run goes on, in milliseconds. */
  everyMs?: number;
  /** As `MirrorOptions` has them. */
  pausesMs?: readonly number[];
}

interface Results {
  /** Takes a Trial in any state; once it has ended its files are copied and its record is kept. */
  add(trial: Trial): void;
  /** Copies the files of a Trial that is gone from the cluster; its record comes from the operator's index. */
  addStored(trial: StoredTrial): void;
  /** Resolves when all files are there, or cannot be had, and the job's files are written. */
  finish(): Promise<MirrorReport>;
}

const EVERY_MS = 10_000;

const PARALLEL = 16;
const RESULT_MAX_BYTES = 64 * 1024 ** 2;

/** What the operator has written of a run: the records of its index, and its aggregate. */
class StoredIndex {
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

class RunResults implements Results {
  readonly #options: ResultsOptions;
  readonly #folder: string;
  readonly #mirror: ReturnType<typeof startMirror>;
  readonly #stored: StoredIndex;
  /** Of Trials that this process saw end, by their names. */
  readonly #seen = new Map<string, TrialRecord>();
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  /** From the first on, for a viewer to list a run of which nothing has ended yet. */
  #changed = true;
  #told = false;

  constructor(options: ResultsOptions) {
    const { store, run, namespace, jobsDir, everyMs = EVERY_MS } = options;
    this.#options = options;
    this.#folder = join(jobsDir, run);
    this.#stored = new StoredIndex(store, { run, namespace });
    this.#mirror = startMirror({ ...options, folder: this.#folder });
    this.#timer = setInterval(() => this.#update(), everyMs).unref();
  }

  add(trial: Trial): void {
    if (!isFinished(trial)) return;
    const record = recordOf(trial);
    if (record) this.#seen.set(record.trial_name, record);
    this.#changed = true;
    if (trial.spec.uploadResults)
      this.#mirror.add({ trialName: resultsName(trial), prefix: resultsPrefix(trial) });
  }

  addStored(trial: StoredTrial): void {
    this.#mirror.add(trial);
  }

  async finish(): Promise<MirrorReport> {
    clearInterval(this.#timer);
    const report = await this.#mirror.finish();
    await this.#writing;
    const problems = [...report.problems, ...(await this.#write({ last: true }))];
    await removePartial(this.#folder);
    return { ...report, problems };
  }

  /** One at a time; what comes meanwhile waits for the next. */
  #update(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#writing = this.#writing.then(async () => {
      const [problem] = await this.#write({ last: false });
      if (!problem || this.#told) return;
      this.#told = true;
      this.#options.onProblem?.(problem);
    });
  }

  /** The store first: it knows of Trials that are gone from the cluster. Neither spoils the other. Never rejects. */
  async #write({ last }: { last: boolean }): Promise<ResultsProblem[]> {
    const { run } = this.#options;
    const problems: ResultsProblem[] = [];
    const fail = (error: unknown): undefined =>
      void problems.push(problemOf(error, { run, folder: this.#folder }));
    const stored = await this.#read(last).catch(fail);
    await this.#writeFiles({ last, stored }).catch(fail);
    return problems;
  }

  /** Reads the operator's index and, at the end, its aggregate. Before the last time there will be another. */
  #read(last: boolean): Promise<JobResult | undefined> {
    const { signal, pausesMs = PAUSES_MS } = this.#options;
    const refresh = (): Promise<void> => this.#stored.refresh();
    if (!last) return refresh().then(() => undefined);
    return persistently(() => refresh().then(() => this.#stored.result()), { signal, pausesMs });
  }

  /** Those of the index among them: some may have been deleted before anybody looked. */
  #records(): TrialRecord[] {
    return [...new Map([...this.#stored.records, ...this.#seen]).values()];
  }

  async #writeFiles({ last, stored }: { last: boolean; stored: JobResult | undefined }): Promise<void> {
    const { run, jobsDir, view } = this.#options;
    const records = this.#records();
    const { total } = view;
    await this.#file('config.json', jobConfig({ run, jobsDir, total, records }));
    // It holds every Trial's lock, and nobody reads it before the end.
    const lock = { createdAt: this.#startedAt(records), total, locks: this.#mirror.locks };
    if (last) await this.#file('lock.json', jobLock(lock));
    // Harbor's viewer takes a job with `finished_at` for done.
    await this.#file('result.json', this.#aggregate(records, stored));
  }

  #file(name: string, value: object): Promise<void> {
    return writeTextWhole(this.#folder, join(this.#folder, name), `${JSON.stringify(value, null, 2)}\n`);
  }

  /**
   * The operator's, where that is finished and counts all that is known here. Until then it is added up here, to the same figures: the
   * operator writes every few seconds, and knows nothing of Trials that are still to be created.
   */
  #aggregate(records: TrialRecord[], stored: JobResult | undefined): JobResult {
    const { run, view, now } = this.#options;
    const { counts, total: seen, ended } = view.summary(now());
    // Trials that others saw count, those that were deleted before their end do not.
    const total = records.length + seen - ended;
    const isWhole = stored?.finished_at !== null && stored?.stats.n_completed_trials === total;
    if (stored && isWhole && records.length === total) return stored;
    return jobResult(records, {
      run,
      total,
      running: counts.running + counts.verifying,
      startedAt: this.#startedAt(records),
      now: now(),
    });
  }

  /** When the first Trial was created, ended or not. */
  #startedAt(records: TrialRecord[]): Date {
    let first = this.#options.now().getTime();
    for (const { createdAt } of this.#options.view.trials()) first = Math.min(first, createdAt);
    for (const { started_at } of records) first = Math.min(first, Date.parse(started_at));
    return new Date(first);
  }
}

/** Begins to collect what a run leaves behind; give it every Trial that `followRun` tells of. */
export const collectResults = (options: ResultsOptions): Results => new RunResults(options);
