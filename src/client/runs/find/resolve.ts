import { LABEL } from '../../../crds/names.ts';
import { runNames } from './names.ts';
import { LATEST, pick } from './pick.ts';
import { firstTrials, type Reader } from './trials.ts';

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
