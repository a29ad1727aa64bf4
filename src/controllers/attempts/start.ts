/** The writes of an attempt, of a Trial or a Sandbox alike. */
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { identityOf } from '../../crds/names.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { isAlreadyExists, isForbidden, isInvalid, isNotFound, type ApiError } from '../../kube/errors.ts';
import { Job } from '../../kube/kinds.ts';
import type { KubeClient } from '../../kube/types.ts';

/** The API server does not take what was sent, whenever it is sent again. */
export const isRefused = (error: unknown): error is ApiError => isInvalid(error) || isForbidden(error);

/** Creates the TaskBuild that objects of one content share, in place of `stale`, where that is given. Resolves with the words of a refusal. */
export async function createTaskBuild(
  kube: Pick<KubeClient, 'create' | 'delete'>,
  build: TaskBuild,
  stale?: TaskBuild,
): Promise<string | undefined> {
  const { namespace, name } = identityOf(build);
  const uid = stale?.metadata.uid;
  if (uid !== undefined) await kube.delete(TaskBuildKind, { namespace, name }, { uid });
  try {
    await kube.create(TaskBuildKind, build);
  } catch (error) {
    // The namespace of agents' programs comes with the installation, and may be missing in an older one.
    if (isRefused(error) || isNotFound(error)) return error.message;
    // Otherwise another object of the same content was faster.
    if (!isAlreadyExists(error)) throw error;
  }
  return undefined;
}

/** Foreground: the Job stays until its Pod is gone, so that the end of the Pod can be seen. */
export const deleteJob = (kube: Pick<KubeClient, 'delete'>, { metadata }: Job): Promise<boolean> =>
  kube.delete(
    Job,
    { namespace: metadata.namespace ?? '', name: metadata.name },
    { uid: metadata.uid ?? '', propagation: 'Foreground' },
  );
