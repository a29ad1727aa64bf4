/** Which runs there are, without reading all Trials of large ones. */
import { LABEL } from '../../../crds/names.ts';
import type { Trial } from '../../../crds/trial.ts';
import type { Named } from './pick.ts';
import { eachTrial, firstTrials, runOf, type Reader } from './trials.ts';

/** Trials a request: of a large run no more than these are read. */
const PAGE = 100;
/** Proxies refuse longer addresses. Where there are so many runs most are small, and reading all Trials costs little more. */
const SELECTOR_MAX = 4096;

export interface RunNamesOptions {
  /** What is known so far, by name: for whoever does not wait until the end. */
  found?: Map<string, Named>;
  signal?: AbortSignal;
}

/**
 * All runs: a page of Trials, then a page of those that are in no run seen so far, and so on. `createdAt` is that of the oldest Trial that was
 * read of the run: `sb` creates Trials in about the order in which the API server lists them.
 */
export async function runNames(
  reader: Reader,
  { found = new Map(), signal }: RunNamesOptions = {},
): Promise<Named[]> {
  const onTrial = (trial: Trial): void => {
    const name = runOf(trial);
    const createdAt = Date.parse(trial.metadata.creationTimestamp ?? '') || 0;
    found.set(name, { name, createdAt: Math.min(found.get(name)?.createdAt ?? Infinity, createdAt) });
  };
  for (;;) {
    const labelSelector = [LABEL.run, ...[...found.keys()].map((run) => `${LABEL.run}!=${run}`)].join(',');
    if (labelSelector.length > SELECTOR_MAX) break;
    const { items, more } = await firstTrials(reader, { labelSelector, limit: PAGE, signal });
    items.forEach(onTrial);
    if (!more) return [...found.values()];
    // A server may answer with nothing but the promise of more.
    if (items.length === 0) break;
  }
  await eachTrial(reader, { onTrial, onStart: () => undefined, signal });
  return [...found.values()];
}
