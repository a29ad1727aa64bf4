import { conditionOf, isFinished, type Condition } from '../../../../crds/conditions.ts';
import type { BuildReason } from '../../../../crds/reasons.ts';
import { OPERATOR_LOG } from '../../../../installation/names.ts';
import { TaskBuild, Trial } from '../../../../crds/kinds.ts';
import type { KubeObject } from '../../../../kube/types.ts';
import { collectionPath, queryString, type Resource } from '../../../../kube/http/paths.ts';
import type { Profile } from '../../../../providers/profiles/profile.ts';
import { profileOf } from '../../../../providers/profiles/profiles.ts';
import type { Session } from '../../../session/types.ts';
import { fine, problem, type Check, type Found, type Patient } from '../check-result.ts';

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
  BuilderNotFound: 'make the project, bucket or login that the message names',
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
export function judgeImages(objects: readonly Judged[], now: Date, hints: Hints = {}): Found[] {
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
    return [fine('nothing waits for registry or builder (only the operator can ask them)')];
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

/** None where the installation does not say what it is; that is another check's finding. */
const hintsFor = (session: Session): Promise<Hints> =>
  session.client().then(
    ({ profile }) => profileOf(profile).hints,
    () => ({}),
  );

/** Without the custom resources there is nothing to be held up; that is another check's finding. */
export const registry: Check<Patient> = {
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
