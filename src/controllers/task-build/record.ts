/**
 * What the operator knows of images that were built: `builds/<hash>.json` in the bucket, where nobody else writes. A tag can be pushed by
 * others and a hash of twelve digits can be hit; only what is written here was built of what it says.
 */
import { Type } from 'typebox';
import Value from 'typebox/value';
import { timestamp } from '../../crds/conditions.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import { buildRecordKey } from '../../results/keys.ts';
import type { BuildSeen, Named } from './observed.ts';

export const BuildRecord = Type.Object({
  /** SHA-256 of everything that decides the image, in hex. */
  contentHash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  /** Where it was pushed to, with its tag. */
  image: Type.String({ minLength: 1, maxLength: 1024 }),
  digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
  builtTime: Type.String({ maxLength: 64 }),
  taskBuild: Type.Object({
    namespace: Type.String({ maxLength: 253 }),
    name: Type.String({ maxLength: 253 }),
  }),
});
export type BuildRecord = Type.Static<typeof BuildRecord>;

const MAX_BYTES = 4096;

/** The record of a hash; undefined where there is none, or nothing that can be believed. Throws ProviderError. */
export async function readRecord(
  artifacts: ArtifactStore,
  contentHash: string,
): Promise<BuildRecord | undefined> {
  try {
    const stored = await artifacts.get(buildRecordKey(contentHash), MAX_BYTES);
    const record: unknown = stored && JSON.parse(new TextDecoder().decode(stored));
    return Value.Check(BuildRecord, record) && record.contentHash === contentHash ? record : undefined;
  } catch (error) {
    const isDamaged =
      error instanceof SyntaxError || (error instanceof ProviderError && error.reason === 'TooLarge');
    if (isDamaged) return undefined;
    throw error;
  }
}

/** Writes down what a build that passed has made; twice is as good as once. */
export async function writeRecord(
  artifacts: ArtifactStore,
  { taskBuild, now }: BuildSeen,
  { image, origin, digest }: Named & { digest: string },
): Promise<void> {
  const { contentHash } = origin;
  const { namespace = '', name } = taskBuild.metadata;
  const record: BuildRecord = {
    contentHash,
    image,
    digest,
    builtTime: timestamp(now),
    taskBuild: { namespace, name },
  };
  await artifacts.put(buildRecordKey(contentHash), `${JSON.stringify(record, null, 2)}\n`, {
    contentType: 'application/json',
  });
}
