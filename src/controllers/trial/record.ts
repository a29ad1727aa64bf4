/** The records of outcomes that outlive their objects: what is read and stored of them. */
import { Lru } from '../../async/lru.ts';
import { identityOf } from '../../crds/names.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Log } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import {
  APPLIED_MAX_BYTES,
  appliedHash,
  appliedOutcome,
  readApplied,
  type AppliedOutcome,
  type Named,
  type Sought,
} from '../../results/applied.ts';
import { appliedKey } from '../../results/keys.ts';

interface Sources {
  artifacts: Pick<ArtifactStore, 'get' | 'put'>;
  log: Pick<Log, 'warn'>;
}

/** Trials that wait for their first attempt are looked at again and again. */
const REMEMBERED = 20_000;

/** Reads what is stored of earlier Trials, once for each Trial: while that one is there nobody else ends under its name. */
export class AppliedOutcomes {
  readonly #sources: Sources;
  readonly #none = new Lru<true>(REMEMBERED);

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** How the same ended before; undefined where it did not, or it is to run anew. */
  async of(trial: Trial, named: Named): Promise<AppliedOutcome | undefined> {
    const { namespace, name, uid } = identityOf(trial);
    const hash = appliedHash(trial.spec, named);
    const id = `${uid}/${hash}`;
    if (hash === undefined || this.#none.get(id)) return undefined;
    const found = await this.#read({ namespace, name, hash });
    // Its own is there where a crash kept its status from being written: what its courier left says more.
    if (found && found.trial.uid !== uid) return found;
    this.#none.set(id, true);
    return undefined;
  }

  /** A record that cannot be used is no reason not to run: it is said, and written over at the end. */
  async #read(sought: Sought): Promise<AppliedOutcome | undefined> {
    const { artifacts, log } = this.#sources;
    const key = appliedKey(sought);
    const contents = await artifacts.get(key, APPLIED_MAX_BYTES).catch(tooLarge);
    const found = contents && readApplied(contents, sought);
    if (contents && !found) log.warn({ key }, 'not the record of an outcome: the Trial runs again');
    return found;
  }
}

/** What is too large is no record, either. */
function tooLarge(error: unknown): Uint8Array {
  if (error instanceof ProviderError && error.reason === 'TooLarge') return new Uint8Array();
  throw error;
}

/** Keeps the outcome of a Trial that ends with this status, where others may take it over. */
export async function storeApplied(
  { artifacts, log }: Sources,
  trial: Trial,
  status: TrialStatus,
): Promise<void> {
  const record = appliedOutcome(trial, status);
  if (!record) return;
  const key = appliedKey(record);
  const text = `${JSON.stringify(record)}\n`;
  if (Buffer.byteLength(text) > APPLIED_MAX_BYTES)
    return log.warn({ key, maxBytes: APPLIED_MAX_BYTES }, 'outcome too large to be taken over, not stored');
  await artifacts.put(key, text, { contentType: 'application/json' });
}
