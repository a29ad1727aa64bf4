import { randomUUID } from 'node:crypto';
import type { ArtifactStore } from '../../../providers/artifact-store/port.ts';
import { TASKS } from '../../../crds/namespace-rules.ts';
import { profileOf, type ProfileName } from '../../../providers/profiles/profiles.ts';
import { CliError } from '../../failures/error.ts';
import { failed, fine, problem, skipped, type Check, type Found, type Patient } from './check.ts';
import { conditionOf, isFinished, type Condition } from '../../../crds/conditions.ts';
import type { BuildReason } from '../../../crds/reasons.ts';
import { OPERATOR_LOG } from '../../../installation/names.ts';
import { TaskBuild, Trial } from '../../../crds/kinds.ts';
import type { KubeObject } from '../../../kube/types.ts';
import { collectionPath, queryString, type Resource } from '../../../kube/http/paths.ts';
import type { Profile } from '../../../providers/profiles/profile.ts';
import { rulesOf } from '../../session/rules.ts';
import type { Session } from '../../session/types.ts';

/** Lists one key. Throws what the store says. */
async function canList(store: ArtifactStore): Promise<Found> {
  await store.list(TASKS)[Symbol.asyncIterator]().next();
  return fine(`bucket ${store.bucket} answers, and you may list ${TASKS}`);
}

/** Writes, reads and removes an object that nobody knows. `prefix`: where the user may. */
async function canWrite(store: ArtifactStore, prefix: string): Promise<Found> {
  const key = `${prefix}.doctor/${randomUUID()}`;
  await store.put(key, key);
  try {
    const read = await store.get(key, key.length);
    if (Buffer.from(read ?? []).toString() === key)
      return fine(`you may write, read and delete objects below ${prefix}`);
    return problem(
      'the store forgets',
      `${store.uri(key)} was written and cannot be read back`,
      `look at the storage behind bucket ${store.bucket}`,
    );
  } finally {
    await store.delete(key);
  }
}

/** A researcher writes below a folder of their own. */
async function probed(session: Session): Promise<string> {
  const own = (await rulesOf(session))?.ownFolder;
  return own === undefined ? TASKS : `${TASKS}${own}/`;
}

/** A local store that refuses is most often shown credentials that were meant for AWS. */
function refusal(error: unknown, { profile, env }: { profile: ProfileName; env: Patient['env'] }): Found {
  const found = failed({ subject: 'the store' }, error);
  const set = profileOf(profile).foreignCredentials(env);
  if (set.length === 0 || found.state !== 'problem') return found;
  const why = `${found.why ?? ''} (with the credentials of ${set.join(' and ')})`;
  return { ...found, why, fix: `unset ${set.join(' ')}    (a local cluster has its own credentials)` };
}

/** The bucket, with the user's own credentials. */
const store: Check<Patient> = {
  name: 'store',
  subject: 'the store',
  async run({ session, env, writeProbe }) {
    const client = await session.client().catch((error: unknown) => {
      if (error instanceof CliError && error.code === 'SB-E008') return undefined;
      throw error;
    });
    if (!client)
      return [skipped('the store could not be checked', 'the installation does not name its address')];
    try {
      const bucket = await session.store();
      const listed = await canList(bucket);
      return writeProbe ? [listed, await canWrite(bucket, await probed(session))] : [listed];
    } catch (error) {
      return [refusal(error, { profile: client.profile, env })];
    }
  },
};

/** Enough to see what holds up a run, and little enough to be read in a moment. */
const PAGE = 500;
/** Failures of longer ago are history. */
const RECENT_MS = 3_600_000;

const LOG = `${OPERATOR_LOG} --tail=50`;

/** Reasons that speak of registry or builder, and what to do about each, whatever they are. */
const TROUBLES: Partial<Record<BuildReason, string>> = {
  RegistryUnavailable: LOG,
  BuilderNotAnswering: LOG,
  BuilderUnavailable: LOG,
  BuilderAccessDenied: 'give the operator’s role what the message names',
  BuilderNotFound: 'create the project, bucket or login that the message names',
  PushDenied: 'let the builder push to the repository',
  BaseImageRateLimited: 'take base images from a mirror: SB_BASE_IMAGE_MIRRORS',
  QuotaExceeded: 'wait, or ask for more concurrent builds',
};

const isTrouble = (reason: string): reason is BuildReason => Object.hasOwn(TROUBLES, reason);

type Hints = Profile<object>['hints'];

function fixOf(reason: BuildReason, hints: Hints): string {
  const fix = TROUBLES[reason] ?? LOG;
  const hint = hints[reason];
  return hint === undefined ? fix : `${fix}    (${hint})`;
}

type Judged = Pick<KubeObject, 'kind' | 'metadata'> & { status?: { conditions?: Condition[] } };

/** Active or recent conditions that speak of registry or builder, grouped by reason. `hints`: of the installation's profile. */
function judgeImages(objects: readonly Judged[], now: Date, hints: Hints = {}): Found[] {
  const groups = new Map<BuildReason, { object: Judged; message: string; count: number }>();
  for (const object of objects) {
    const condition = conditionOf(object, 'Succeeded');
    if (!condition || !isTrouble(condition.reason)) continue;
    const isHistory =
      isFinished(object) && now.getTime() - Date.parse(condition.lastTransitionTime) > RECENT_MS;
    if (isHistory) continue;
    const group = groups.get(condition.reason);
    groups.set(condition.reason, { object, message: condition.message, count: (group?.count ?? 0) + 1 });
  }
  if (groups.size === 0)
    return [fine('nothing waits for registry or builder (only the operator can reach them)')];
  return [...groups].map(([reason, { object, message, count }]) => {
    const others = count > 1 ? ` and ${count - 1} more` : '';
    const what = `${object.kind} ${object.metadata.name}${others}: ${reason}`;
    return problem(what, message, fixOf(reason, hints));
  });
}

/** One page of a kind in the session's namespace. */
async function page({ kube, namespace }: Session, kind: Resource & { kind: string }): Promise<Judged[]> {
  const path = collectionPath(kind, namespace) + queryString({ limit: PAGE });
  const { items } = (await kube.raw(path)) as { items?: Judged[] | null };
  return (items ?? []).map((item) => ({ ...item, kind: kind.kind }));
}

/** None where the installation does not say what it is; that is another check's result. */
const hintsFor = (session: Session): Promise<Hints> =>
  session.client().then(
    ({ profile }) => profileOf(profile).hints,
    () => ({}),
  );

/** Without the custom resources there is nothing to be held up; that is another check's result. */
const registry: Check<Patient> = {
  name: 'registry',
  subject: 'the registry',
  async run({ session }) {
    const [trials, builds, hints] = await Promise.all([
      page(session, Trial),
      page(session, TaskBuild),
      hintsFor(session),
    ]);
    return judgeImages([...builds, ...trials], session.now(), hints);
  },
};

export const storeChecks: readonly Check<Patient>[] = [store, registry];
