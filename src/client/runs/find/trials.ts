/** Reading the Trials of runs, page by page. */
import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { LABEL } from '../../../crds/names.ts';
import type { Trial } from '../../../crds/trial.ts';
import { listAll } from '../../../kube/cache/list.ts';
import { collectionPath, queryString } from '../../../kube/http/paths.ts';
import type { Session } from '../../session/types.ts';

export type Reader = Pick<Session, 'kubeParts' | 'namespace'>;

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
export async function firstTrials(
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
