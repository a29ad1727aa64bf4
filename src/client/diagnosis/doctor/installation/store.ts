import { randomUUID } from 'node:crypto';
import type { ArtifactStore } from '../../../../providers/artifact-store/port.ts';
import { TASKS } from '../../../../crds/namespace-rules.ts';
import { profileOf, type ProfileName } from '../../../../providers/profiles/profiles.ts';
import { CliError } from '../../../failures/error.ts';
import { failed } from '../examine.ts';
import { fine, problem, skipped, type Check, type Found, type Patient } from '../check-result.ts';

/** Lists one key. Throws what the store says. */
async function canList(store: ArtifactStore): Promise<Found> {
  await store.list(TASKS)[Symbol.asyncIterator]().next();
  return fine(`bucket ${store.bucket} answers, and you may list ${TASKS}`);
}

/** Writes, reads and removes an object that nobody knows. */
export async function canWrite(store: ArtifactStore): Promise<Found> {
  const key = `${TASKS}.doctor/${randomUUID()}`;
  await store.put(key, key);
  try {
    const read = await store.get(key, key.length);
    if (Buffer.from(read ?? []).toString() === key)
      return fine(`you may write, read and delete objects below ${TASKS}`);
    return problem(
      'the store forgets',
      `${store.uri(key)} was written and cannot be read back`,
      `look at the storage behind bucket ${store.bucket}`,
    );
  } finally {
    await store.delete(key);
  }
}

/** A local store that refuses is most often shown credentials that were meant for AWS. */
export function refusal(
  error: unknown,
  { profile, env }: { profile: ProfileName; env: Patient['env'] },
): Found {
  const found = failed({ subject: 'the store' }, error);
  const set = profileOf(profile).foreignCredentials(env);
  if (set.length === 0 || found.state !== 'problem') return found;
  const why = `${found.why ?? ''} (with the credentials of ${set.join(' and ')})`;
  return { ...found, why, fix: `unset ${set.join(' ')}    (a local cluster brings its own credentials)` };
}

/** The bucket, with the user's own credentials. */
export const store: Check<Patient> = {
  name: 'store',
  subject: 'the store',
  async run({ session, env, writeProbe }) {
    const client = await session.client().catch((error: unknown) => {
      if (error instanceof CliError && error.code === 'SB-E008') return undefined;
      throw error;
    });
    if (!client)
      return [skipped('the store could not be checked', 'the installation does not say where it is')];
    try {
      const bucket = await session.store();
      const listed = await canList(bucket);
      return writeProbe ? [listed, await canWrite(bucket)] : [listed];
    } catch (error) {
      return [refusal(error, { profile: client.profile, env })];
    }
  },
};
