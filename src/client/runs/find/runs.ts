/** Runs by name, and the Trials in them, read page by page. */
import { LABEL } from '../../../crds/names.ts';
import { LATEST, pick, type Named } from './pick.ts';
import type { Trial } from '../../../crds/trial.ts';
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { listAll } from '../../../kube/cache/list.ts';
import { collectionPath, queryString } from '../../../kube/http/paths.ts';
import type { Session } from '../../session/types.ts';

/** A run's name is a label value; anything else would be another selector. */
const LABEL_VALUE = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/**
 * Full name of the run that is meant: given in full, by its unique beginning, or as `@latest`. Throws SB-E090 where there is none, SB-E091
 * where several begin so. A full name costs one small request.
 */
export async function resolveRun(reader: Reader, wanted: string): Promise<string> {
  if (await exists(reader, wanted)) return wanted;
  const { namespace } = reader;
  return pick(await runNames(reader), { name: wanted, kind: 'run', namespace }).name;
}

async function exists(reader: Reader, run: string): Promise<boolean> {
  if (run === LATEST || !LABEL_VALUE.test(run)) return false;
  const { items } = await firstTrials(reader, { labelSelector: `${LABEL.run}=${run}`, limit: 1 });
  return items.length > 0;
}

/** Trials a request: of a large run no more than these are read. */
const PAGE = 100;
/** Proxies refuse longer addresses. Where there are so many runs most are small, and reading all Trials costs little more. */
const SELECTOR_MAX = 4096;

interface RunNamesOptions {
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

type Reader = Pick<Session, 'kubeParts' | 'namespace'>;

/** Hands over the Trials of all runs, or of one. `onStart`: what was handed over so far is void, the list begins anew. */
export async function eachTrial(
  { kubeParts, namespace }: Reader,
  {
    run,
    onTrial,
    onStart,
    signal,
  }: { run?: string; onTrial: (trial: Trial) => void; onStart: () => void; signal?: AbortSignal | undefined },
): Promise<void> {
  const labelSelector = run === undefined ? LABEL.run : `${LABEL.run}=${run}`;
  await listAll<Trial>({
    transport: kubeParts.transport,
    resource: TrialKind,
    options: { namespace, labelSelector },
    signal,
    onStart,
    onObject: (trial) => {
      // As large as all the rest, and nobody reads it.
      delete (trial.metadata as { managedFields?: unknown }).managedFields;
      onTrial(trial);
    },
  });
}

/** The first Trials that a selector fits, in one request; `more`: there are others. */
async function firstTrials(
  { kubeParts, namespace }: Reader,
  { signal, ...query }: { labelSelector: string; limit: number; signal?: AbortSignal | undefined },
): Promise<{ items: Trial[]; more: boolean }> {
  const path = collectionPath(TrialKind, namespace) + queryString(query);
  const text = await kubeParts.transport.send({ method: 'GET', path, signal });
  const { items, metadata } = JSON.parse(text) as { items?: Trial[]; metadata?: { continue?: string } };
  return { items: items ?? [], more: (metadata?.continue ?? '') !== '' };
}

/** The Trials of a run, in the order of their names; none where there is no such run. */
export async function trialsOf(reader: Reader, run: string): Promise<Trial[]> {
  let trials: Trial[] = [];
  const onStart = (): void => void (trials = []);
  await eachTrial(reader, { run, onStart, onTrial: (trial) => trials.push(trial) });
  return trials;
}

/** The run that a Trial is a part of; the label is what runs are found by. */
export const runOf = ({ metadata }: Trial): string => metadata.labels?.[LABEL.run] ?? '';
