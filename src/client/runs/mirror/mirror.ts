/** Copies the files of Trials that have ended to this disk while the run goes on. */
import { storedTrialPrefix, trialsPrefix, TRIAL_FILES } from '../../../results/keys.ts';
import { readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import Value from 'typebox/value';
import { keyOf, type ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { noneIfTooLarge } from '../../../providers/errors.ts';
import { mayPass, persistently } from '../../session/persistent.ts';
import { copyFile, Mismatch, planCopy, type CopyPlan, type StoredFile } from './copy.ts';
import { METADATA_MAX_BYTES, readMetadata, type TaskMetadata } from '../../../tasks/index.ts';
import { TASK_FILES } from '../../../tasks/bucket.ts';
import { readStoredConfig, trialLock, type StoredConfig, type TrialLock } from '../../../results/lock.ts';
import { createBudget, inParallel } from '../../../async/in-parallel.ts';
import { parsedJson } from '../../../text/json.ts';
import { problemOf, type ResultsProblem } from './problem.ts';
import { removeLeftovers, removePartial, writeTextWhole } from './files.ts';

/** Where the files of a Trial are, and what its folder is called. */
export interface StoredTrial {
  trialName: string;
  /** `trials/<run>/<trial name>/`. */
  prefix: string;
}

interface MirrorOptions {
  store: ArtifactStore;
  run: string;
  /** The run's folder: `jobs/<run>`, absolute. */
  folder: string;
  now: () => Date;
  /** Ends the copying: what is under way is not finished, and never half there. */
  signal: AbortSignal;
  /** Told of the first problem of each kind; the report has them all. */
  onProblem?: (problem: ResultsProblem) => void;
  /** Pauses between tries of a Trial while the store does not answer, in milliseconds, beyond the store's own retries. */
  pausesMs?: readonly number[];
}

export interface MirrorReport {
  /** Trials whose files are all there. */
  trials: number;
  /** Files copied now, and those that were there already. */
  files: number;
  kept: number;
  /** That came over the network. */
  bytes: number;
  problems: ResultsProblem[];
}

interface Mirror {
  /** Copies the Trial's files, unless that was asked for before. */
  add(trial: StoredTrial): void;
  /** Resolves when everything asked for is there or cannot be had; what failed for a reason that may be gone is tried once more. */
  finish(): Promise<MirrorReport>;
  /** By trial name, of the Trials that are there. */
  readonly locks: ReadonlyMap<string, TrialLock>;
}

/** Trials, and files of all of them, copied at a time. */
const TRIALS = 12;
const FILES = 16;
/** The operator's `config.json` and `result.json` of a Trial take a few hundred KiB at most. */
const DOCUMENT_MAX_BYTES = 16 * 2 ** 20;
/** The store may be away for half a minute. */
export const PAUSES_MS: readonly number[] = [1000, 4000, 10_000, 15_000];

class TrialMirror implements Mirror {
  readonly locks = new Map<string, TrialLock>();
  readonly #options: MirrorOptions;
  readonly #lockOf: ReturnType<typeof locksFrom>;
  readonly #seen = new Map<string, StoredTrial>();
  readonly #failed = new Map<string, ResultsProblem[]>();
  readonly #told = new Set<string>();
  readonly #work = new Set<Promise<void>>();
  readonly #trials = createBudget(TRIALS);
  readonly #files = createBudget(FILES);
  readonly #ready: Promise<void>;
  /** The disk takes no more; there is no use in trying every file. */
  #disk: ResultsProblem | undefined;
  #counts = { files: 0, kept: 0, bytes: 0 };

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#lockOf = locksFrom(options.store);
    this.#ready = removeLeftovers(options.folder, options.now()).catch(() => {});
  }

  add(trial: StoredTrial): void {
    if (this.#seen.has(trial.trialName)) return;
    this.#seen.set(trial.trialName, trial);
    this.#start(trial);
  }

  async finish(): Promise<MirrorReport> {
    await this.#settled();
    this.#disk = undefined;
    const again = [...this.#failed.keys()];
    this.#failed.clear();
    for (const name of again) this.#start(this.#seen.get(name) as StoredTrial);
    await this.#settled();
    await removePartial(this.#options.folder);
    const problems = [...this.#failed.values()].flat();
    return { trials: this.#seen.size - this.#failed.size, ...this.#counts, problems };
  }

  async #settled(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #start(trial: StoredTrial): void {
    const work = this.#trials(1, () => this.#copy(trial)).finally(() => this.#work.delete(work));
    this.#work.add(work);
  }

  /** Never rejects. */
  async #copy(trial: StoredTrial): Promise<void> {
    await this.#ready;
    const { signal, pausesMs = PAUSES_MS } = this.#options;
    try {
      const problems = await persistently(() => this.#try(trial), { signal, pausesMs });
      if (problems.length > 0) this.#fail(trial, problems);
    } catch (error) {
      // Interrupted is no problem of the Trial's: it is not all there, that is all.
      this.#fail(trial, signal.aborted ? [] : [this.#problem(trial, error)]);
    }
  }

  /** Resolves what was wrong with single files; rejects where the store does not answer. */
  async #try(trial: StoredTrial): Promise<ResultsProblem[]> {
    const { store, signal } = this.#options;
    signal.throwIfAborted();
    if (this.#disk) return [{ ...this.#disk, trial: trial.trialName }];
    const plan = await planCopy(store, trial.prefix);
    // What was begun has ended before this rejects: another try would write the same files beside it.
    const copy = (file: StoredFile) => this.#files(1, () => this.#file(trial, file));
    const copied = await inParallel(plan.files, copy, { width: FILES });
    const problems = [...copied.flat(), ...this.#promises(trial, plan)];
    if (problems.length === 0) await this.#complete(trial, plan);
    return problems;
  }

  async #file(trial: StoredTrial, file: StoredFile): Promise<ResultsProblem[]> {
    const { store, folder: root, signal } = this.#options;
    const place = { store, root, folder: join(root, trial.trialName), signal };
    try {
      signal.throwIfAborted();
      const bytes = await copyFile(file, place);
      this.#counts[bytes === 0 && file.size > 0 ? 'kept' : 'files'] += 1;
      this.#counts.bytes += bytes;
      return [];
    } catch (error) {
      if (mayPass(error) || signal.aborted) throw error;
      const problem = this.#problem(trial, error);
      if (problem.ofDisk) this.#disk ??= problem;
      return [problem];
    }
  }

  #promises(trial: StoredTrial, { broken, unsafe }: CopyPlan): ResultsProblem[] {
    const wrong = [
      ...broken.map((path) => `${path} is missing in the store, or has another size there`),
      ...unsafe.map((path) => `${JSON.stringify(path)} cannot be the name of a file`),
    ];
    return wrong.map((message) => this.#problem(trial, new Mismatch(message)));
  }

  async #complete(trial: StoredTrial, { files }: CopyPlan): Promise<void> {
    const { folder: root } = this.#options;
    const folder = join(root, trial.trialName);
    const paths = files.map(({ path }) => path);
    await addForViewer({ root, folder, paths });
    if (!paths.includes(TRIAL_FILES.config)) return;
    const text = await readBounded(join(folder, TRIAL_FILES.config));
    const config = text === undefined ? undefined : readStoredConfig(text);
    const lock = config && (await this.#lockOf(config));
    if (!lock) return;
    this.locks.set(trial.trialName, lock);
    await writeTextWhole(root, join(folder, 'lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
  }

  #problem({ trialName }: StoredTrial, error: unknown): ResultsProblem {
    const { run, folder } = this.#options;
    return problemOf(error, { run, folder, trial: trialName });
  }

  #fail({ trialName }: StoredTrial, problems: ResultsProblem[]): void {
    this.#failed.set(trialName, problems);
    for (const problem of problems) {
      if (this.#told.has(problem.error.code)) continue;
      this.#told.add(problem.error.code);
      this.#options.onProblem?.(problem);
    }
  }
}

/** Begins to copy. Resumable: what is on the disk with the right checksum is not fetched again. */
export const startMirror = (options: MirrorOptions): Mirror => new TrialMirror(options);

type Digest = Pick<TaskMetadata, 'name' | 'digest'>;

/**
 * Locks for Trials of tasks in the store; each task's metadata is read once. A task that lies elsewhere, or whose metadata is not what this
 * version of `sb` stores, has no digest, and its Trials no lock.
 */
function locksFrom(store: ArtifactStore): (config: StoredConfig) => Promise<TrialLock | undefined> {
  const known = new Map<string, Promise<Digest | undefined>>();
  const read = async (prefix: string): Promise<Digest | undefined> => {
    const contents = await store
      .get(`${prefix}${TASK_FILES.metadata}`, METADATA_MAX_BYTES)
      .catch(noneIfTooLarge);
    const found = contents && readMetadata(contents);
    return found?.kind === 'read' ? found.metadata : undefined;
  };
  return async (config) => {
    const prefix = keyOf(config.task.path, store.bucket);
    if (prefix === undefined) return undefined;
    const asked = known.get(prefix) ?? read(prefix);
    known.set(prefix, asked);
    const digest = await asked.catch((error: unknown) => {
      known.delete(prefix);
      throw error;
    });
    return digest && trialLock(config, digest);
  };
}

/** Of a Trial's `result.json` what a viewer wants to see beside it. */
const WithException = Type.Object({
  exception_info: Type.Object({ exception_type: Type.String(), exception_message: Type.String() }),
});

interface CopiedTrial {
  /** The run's folder. */
  root: string;
  /** The Trial's. */
  folder: string;
  /** Files that were copied into it. */
  paths: readonly string[];
}

/** Adds `artifacts`, a link to `output`, and `exception.txt`, where there is something to show. */
export async function addForViewer({ root, folder, paths }: CopiedTrial): Promise<void> {
  const outputs = paths.flatMap((path) => /^((?:steps\/[^/]+\/)?)output\//.exec(path)?.[1] ?? []);
  for (const at of new Set(outputs))
    // One that is there already is good; a disk without links has the files under output/ all the same.
    await symlink('output', join(folder, at, 'artifacts')).catch(() => {});
  if (!paths.includes('result.json')) return;
  const result = parsedJson((await readBounded(join(folder, 'result.json'))) ?? '');
  if (!Value.Check(WithException, result)) return;
  const { exception_type: type, exception_message: message } = result.exception_info;
  const text = `${type}: ${message}\n`;
  await writeTextWhole(root, join(folder, 'exception.txt'), text);
}

/** The text of a file that somebody else may have written; undefined where it is larger than the operator writes any. */
async function readBounded(path: string): Promise<string | undefined> {
  const { size } = await stat(path);
  return size > DOCUMENT_MAX_BYTES ? undefined : readFile(path, 'utf8');
}

/** Trials of a run that have files in the store, for a run whose objects are gone from the cluster. In the order of their names. */
export async function* storedTrials(store: ArtifactStore, run: string): AsyncGenerator<StoredTrial> {
  const start = trialsPrefix(run);
  let last = '';
  for await (const { key } of store.list(start)) {
    const trialName = key.slice(start.length, key.indexOf('/', start.length));
    if (trialName === last) continue;
    last = trialName;
    yield { trialName, prefix: storedTrialPrefix(run, trialName) };
  }
}
