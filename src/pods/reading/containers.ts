/** Pure: a Pod's containers, by what they are there for. */
import type { Pod } from '../../kube/kinds.ts';
import { isFilling } from '../../wire/pod-paths.ts';

export type PodSpec = NonNullable<Pod['spec']>;
export type Container = PodSpec['containers'][number];
export type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

/** Init containers and main containers, in the order in which the kubelet starts them; none where it has not begun. */
export const containerStatuses = ({ status }: Pod): ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

export const statusOf = (pod: Pod, container: string): ContainerStatus | undefined =>
  containerStatuses(pod).find(({ name }) => name === container);

/** A native sidecar: an init container that runs beside the others until they have ended. */
export const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';

export const hasSidecar = ({ spec }: Pod): boolean => spec?.initContainers?.some(isSidecar) ?? false;

/** Init containers that have to end well: all but sidecars. */
export const preparing = ({ spec }: Pod): Container[] =>
  (spec?.initContainers ?? []).filter((container) => !isSidecar(container));

/** Of them, those that do a part of the Pod's work. */
export const firstToWork = (pod: Pod): Container[] => preparing(pod).filter(({ name }) => !isFilling(name));

/** When the first container began to run that does a part of the work; undefined before. */
export function startedAt(pod: Pod): string | undefined {
  const [first] = [...firstToWork(pod), ...(pod.spec?.containers ?? [])];
  const { state, lastState } = (first && statusOf(pod, first.name)) ?? {};
  return beginOf(state) ?? beginOf(lastState);
}

const beginOf = (state: ContainerStatus['state']): string | undefined =>
  state?.running?.startedAt ?? state?.terminated?.startedAt;
