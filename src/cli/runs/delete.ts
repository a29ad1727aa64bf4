import { TaskBuild as TaskBuildKind, Trial as TrialKind } from '../../crds/kinds.ts';
import { LABEL } from '../../crds/names.ts';
import { Secret as SecretKind } from '../../kube/kinds.ts';
import type { Kind, KubeObject } from '../../kube/types.ts';
import { secretObjectName } from '../../client/runs/plan/names.ts';
import { safe } from '../../text/safe.ts';
import type { RunDeleted } from '../../client/documents/run.ts';
import { inParallel } from '../../async/in-parallel.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { agreed } from '../agree.ts';
import { isOpen } from './cancel.ts';
import { inNamespace, namespaceToSay } from '../../client/session/namespace.ts';
import { trialsPrefix } from '../../results/keys.ts';
import { counted } from '../../text/figures.ts';
import { resolveRun, trialsOf } from '../../client/runs/find/runs.ts';

const PARALLEL = 32;

/** What was there and is deleted now. */
type Deleted = Pick<RunDeleted, 'trials' | 'builds' | 'secret'>;
const NOTHING: Deleted = { trials: 0, builds: 0, secret: false };

/** `sb run delete`: the run's objects go, its files in the store stay. */
export async function deleteRun(
  session: Session,
  wanted: string,
  { io, yes }: { io: Io; yes: boolean },
): Promise<RunDeleted> {
  const run = await resolveRun(session, wanted);
  const trials = await trialsOf(session, run);
  const open = trials.filter(isOpen).length;
  const files = await session.client().then(({ bucket }) => `s3://${bucket}/${trialsPrefix(run)}`);
  const running = open > 0 ? ` (${open} have not ended, and end without a result)` : '';
  const told = (deleted: Deleted): RunDeleted => ({ run, namespace: session.namespace, ...deleted, files });
  const question = `delete ${counted(trials.length, 'Trial')} of run ${run}${running}?`;
  if (
    !(await agreed(io, {
      yes,
      question,
      again: inNamespace(`sb run delete ${run} --yes`, namespaceToSay(session)),
    }))
  )
    return told(NOTHING);
  const deleted = await deleteObjects(session, run);
  const { trials: count, builds, secret } = deleted;
  const more = [...(builds > 0 ? [counted(builds, 'TaskBuild')] : []), ...(secret ? ['the Secret'] : [])];
  const what = [counted(count, 'Trial'), ...more].join(', ');
  io.terminal.err(safe(`run ${run}: ${what} deleted; the files stay at ${files}\n`));
  return told(deleted);
}

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
    { width: PARALLEL },
  );
  return gone.filter(Boolean).length;
}
