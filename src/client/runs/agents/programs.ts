/** Whether the operator has built the programs of agents, for those who may read its builds. */
import { conditionOf } from '../../../crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../../crds/kinds.ts';
import { AGENTS_NAMESPACE, LABEL } from '../../../crds/names.ts';
import type { TaskBuild } from '../../../crds/task-build.ts';
import type { Session } from '../../session/types.ts';

/** How far the build of an agent's usual version is, in words; by the agent's name. */
export type Programs = ReadonlyMap<string, string>;

const PATIENCE_MS = 3000;

/** Empty where the cluster does not answer soon, or the user may not read there: it is a hint. */
export async function programsBuilt({ kube }: Pick<Session, 'kube'>): Promise<Programs> {
  const none: TaskBuild[] = [];
  const patience = Promise.withResolvers<TaskBuild[]>();
  const timer = setTimeout(() => patience.resolve(none), PATIENCE_MS);
  const listed = kube
    .list(TaskBuildKind, { namespace: AGENTS_NAMESPACE, labelSelector: LABEL.agent })
    .catch(() => none);
  const builds = await Promise.race([listed, patience.promise]);
  clearTimeout(timer);
  return programsOf(builds);
}

/** Pure. Those of versions that a namespace asked for are left out: a build does not say of which version it is. */
export function programsOf(builds: readonly TaskBuild[]): Programs {
  const usual = builds.filter(({ metadata: { labels = {} } }) => labels[LABEL.askedBy] === undefined);
  const newestLast = usual.toSorted((a, b) => createdAt(a) - createdAt(b));
  return new Map(
    newestLast.flatMap((build) => {
      const agent = build.metadata.labels?.[LABEL.agent];
      return agent === undefined ? [] : [[agent, stateOf(build)] as const];
    }),
  );
}

const createdAt = ({ metadata }: TaskBuild): number => Date.parse(metadata.creationTimestamp ?? '') || 0;

function stateOf(build: TaskBuild): string {
  const { status = 'Unknown', reason = 'Pending' } = conditionOf(build, 'Succeeded') ?? {};
  if (status === 'True') return 'its image is built';
  return status === 'False' ? `its build failed: ${reason}` : 'its image is being built';
}
