import { Trial as TrialKind } from '../../../crds/kinds.ts';
import { LABEL } from '../../../crds/names.ts';
import { collectionPath, queryString } from '../../../kube/http/paths.ts';
import type { KubeObject } from '../../../kube/types.ts';
import { LATEST, pick, type Named } from './pick.ts';
import { eachTrial, runOf, type Reader } from './trials.ts';

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

async function exists({ kubeParts, namespace }: Reader, run: string): Promise<boolean> {
  if (run === LATEST || !LABEL_VALUE.test(run)) return false;
  const query = queryString({ labelSelector: `${LABEL.run}=${run}`, limit: 1 });
  const path = collectionPath(TrialKind, namespace) + query;
  const page = JSON.parse(await kubeParts.transport.send({ method: 'GET', path })) as {
    items?: KubeObject[];
  };
  return (page.items ?? []).length > 0;
}

/** A run is as old as its first Trial. */
async function runNames(reader: Reader): Promise<Named[]> {
  const first = new Map<string, number>();
  await eachTrial(reader, {
    onStart: () => first.clear(),
    onTrial: (trial) => {
      const run = runOf(trial);
      const createdAt = Date.parse(trial.metadata.creationTimestamp ?? '') || 0;
      first.set(run, Math.min(first.get(run) ?? Infinity, createdAt));
    },
  });
  return [...first].map(([name, createdAt]) => ({ name, createdAt }));
}
