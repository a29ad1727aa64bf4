import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { storedTrialPrefix, trialsPrefix } from '../../../results/keys.ts';
import type { StoredTrial } from './mirror.ts';

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
