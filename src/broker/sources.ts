/** What regrades judge again, as couriers ask for it. */
import { Lru } from '../async/lru.ts';
import { identityOf } from '../crds/names.ts';
import { keyOf, type ArtifactStore } from '../providers/artifact-store/port.ts';
import { readSource, type Source } from '../results/source.ts';
import { problemOfPath } from '../wire/upload-paths.ts';
import { UPLOAD_BATCH } from '../wire/uploads.ts';
import type { TrialSubject } from './identity/subjects.ts';
import { refused } from './refusal.ts';
import type { Refused } from './refusal.ts';

/** What is known of a source is small, and does not change any more. */
const REMEMBERED = 1000;

export type SourceOf = (subject: TrialSubject) => Promise<Source | Refused>;

/**
 * The Trial that the Job of a regrade was made for. Its own results have to say that it is of the regrade's namespace, as they did when the Job was
 * made: where the admission policies are not installed, anybody may write a Job that names another.
 */
export function sources(store: Pick<ArtifactStore, 'bucket' | 'get'>): SourceOf {
  const known = new Lru<Source>(REMEMBERED);
  return async ({ trial, regraded }) => {
    const { namespace } = identityOf(trial);
    if (!trial.spec.regrade || !regraded)
      return refused(403, 'SourceRefused', 'this Trial judges no other one again');
    const { uri } = regraded;
    const id = JSON.stringify([namespace, uri]);
    const before = known.get(id);
    if (before) return before;
    const read = await readSource(store, { key: keyOf(uri, store.bucket) ?? '', uri, namespace });
    if (read.kind === 'faulty') return refused(403, 'SourceRefused', `${read.reason}: ${read.message}`);
    known.set(id, read);
    return read;
  };
}

/** Pure: the keys of the files that a SourceRequest asks for, all of them below the source's prefix; refused as a whole where one path is not right. */
export function sourceKeys({ prefix }: Source, request: unknown): string[] | Refused {
  const paths = (request as { paths?: unknown } | null)?.paths;
  if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string'))
    return refused(400, 'BadRequest', 'paths is no list of texts');
  if (paths.length > UPLOAD_BATCH)
    return refused(413, 'TooLarge', `${paths.length} paths; at most ${UPLOAD_BATCH} in one request`);
  for (const path of paths) {
    const problem = problemOfPath(path);
    if (problem !== undefined)
      return refused(403, 'PathRefused', `path ${JSON.stringify(path.slice(0, 200))} ${problem}`);
  }
  return paths.map((path) => prefix + path);
}
