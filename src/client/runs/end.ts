/** Ending a run: its Trials are cancelled, or all of its objects deleted. Nothing is asked here. */
import { inParallel } from '../../async/in-parallel.ts';
import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { Secret as SecretKind } from '../../kube/kinds.ts';
import type { Kind, KubeObject } from '../../kube/types.ts';
import type { RunDeleted } from '../documents/run.ts';
import type { Session } from '../session/types.ts';
import { trialsOf } from './find/runs.ts';
import { isEnded, stateOf } from '../../results/state.ts';
import { secretObjectName } from './plan/names.ts';

const CANCELLED_AT_ONCE = 16;
const DELETED_AT_ONCE = 32;

export const isOpen = (trial: Trial): boolean => !isEnded(stateOf(trial).state);

/** Cancels every Trial of a run that has not ended; resolves to how many. */
export async function cancelOpen({ kube, namespace }: Session, run: string): Promise<number> {
  const trials = await kube.list(TrialKind, { namespace, labelSelector: `${LABEL.run}=${run}` });
  const open = trials.filter(({ status, spec }) => status?.finishedAt === undefined && !spec.cancel);
  await inParallel(
    open,
    ({ metadata: { name } }) => kube.patch(TrialKind, { namespace, name }, { spec: { cancel: true } }),
    { width: CANCELLED_AT_ONCE },
  );
  return open.length;
}

/** What was there and is deleted now. */
type Deleted = Pick<RunDeleted, 'trials' | 'builds' | 'secret'>;

/** Deletes Trials, builds and Secret of a run, by their label; may be called again. */
export async function deleteObjects(session: Session, run: string): Promise<Deleted> {
  const labelSelector = `${LABEL.run}=${run}`;
  const { kube, namespace } = session;
  const trials = await removeAll(session, TrialKind, await trialsOf(session, run));
  const builds = await removeAll(
    session,
    TaskBuildKind,
    await kube.list(TaskBuildKind, { namespace, labelSelector }),
  );
  const key = { namespace, name: secretObjectName(run) };
  const secret = await kube.get(SecretKind, key);
  const ours = secret?.metadata.labels?.[LABEL.run] === run;
  const { uid } = secret?.metadata ?? {};
  return {
    trials,
    builds,
    secret: ours && (await kube.delete(SecretKind, key, uid === undefined ? {} : { uid })),
  };
}

async function removeAll<T extends KubeObject>(
  { kube, namespace }: Session,
  kind: Kind<T>,
  objects: readonly T[],
): Promise<number> {
  const gone = await inParallel(
    objects,
    ({ metadata: { name, uid } }) => kube.delete(kind, { namespace, name }, uid === undefined ? {} : { uid }),
    { width: DELETED_AT_ONCE },
  );
  return gone.filter(Boolean).length;
}
