import { Trial as TrialKind } from '../../crds/kinds.ts';
import { LABEL } from '../../crds/names.ts';
import { inParallel } from '../../async/in-parallel.ts';
import type { Session } from '../../client/session/types.ts';

const PARALLEL = 16;

/** Cancels every Trial of a run that has not ended; resolves to how many. */
export async function cancelOpen({ kube, namespace }: Session, run: string): Promise<number> {
  const trials = await kube.list(TrialKind, { namespace, labelSelector: `${LABEL.run}=${run}` });
  const open = trials.filter(({ status, spec }) => status?.finishedAt === undefined && !spec.cancel);
  await inParallel(
    open,
    ({ metadata: { name } }) => kube.patch(TrialKind, { namespace, name }, { spec: { cancel: true } }),
    { width: PARALLEL },
  );
  return open.length;
}
