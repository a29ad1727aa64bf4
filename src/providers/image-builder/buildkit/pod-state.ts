/** What a build’s Job and Pod say about it. Pure. */
import { CONTAINERS } from '../../../wire/pod-paths.ts';
import type { BuildFailedReason } from '../../../crds/reasons.ts';
import type { Job, Pod } from '../../../kube/kinds.ts';
import type { BuildState } from '../port.ts';

/** A state, or: buildctl failed, and its log says why. */
export type Verdict = BuildState | { kind: 'broken'; pod: Pod; lastWords: string };

type PodStatus = NonNullable<Pod['status']>;
type ContainerState = NonNullable<NonNullable<PodStatus['containerStatuses']>[number]['state']>;

const failed = (reason: BuildFailedReason, message: string): BuildState => ({
  kind: 'failed',
  reason,
  message,
  logTail: [],
});
const lost = (message: string): BuildState => failed('BuilderUnavailable', message);

const stateOf = (statuses: PodStatus['containerStatuses'], name: string): ContainerState | undefined =>
  statuses?.find((status) => status.name === name)?.state;

/** The kubelet ended the Pod as a whole: its deadline, an eviction, a node that shut down. */
function podFailure({ status }: Pod): BuildState | undefined {
  if (status?.phase !== 'Failed') return undefined;
  if (status.reason === 'DeadlineExceeded') return failed('BuildTimeout', 'the build outlived its timeout');
  const disruption = status.conditions?.find(
    ({ type, status: holds }) => type === 'DisruptionTarget' && holds === 'True',
  );
  if (!status.reason && !disruption) return undefined;
  return lost(`the build’s Pod ended: ${status.message || disruption?.message || status.reason}`);
}

const CONTEXT_REASONS = new Set<string>(['ContextNotFound', 'ContextMismatch'] satisfies BuildFailedReason[]);

/** The context container leaves `{"reason", "message"}` where the context itself is at fault. */
function contextFailure(message: string): BuildState {
  try {
    const said = JSON.parse(message) as { reason?: unknown; message?: unknown };
    const text = typeof said.message === 'string' ? said.message : message;
    const known = typeof said.reason === 'string' && CONTEXT_REASONS.has(said.reason);
    return failed(known ? (said.reason as BuildFailedReason) : 'BuilderUnavailable', text);
  } catch {
    return lost(`the build context could not be fetched: ${message || 'no reason given'}`);
  }
}

function buildEnd(pod: Pod, { exitCode, message = '' }: NonNullable<ContainerState['terminated']>): Verdict {
  if (exitCode !== 0) return { kind: 'broken', pod, lastWords: message };
  const [digest] = /sha256:[0-9a-f]{64}/.exec(message) ?? [];
  return digest === undefined ? lost('the build named no digest') : { kind: 'succeeded', digest };
}

/** What the containers say; undefined while they run or wait. */
function containerEnd(pod: Pod): Verdict | undefined {
  const context = stateOf(pod.status?.initContainerStatuses, CONTAINERS.context)?.terminated;
  if (context && context.exitCode !== 0) return contextFailure(context.message ?? '');
  const build = stateOf(pod.status?.containerStatuses, CONTAINERS.build)?.terminated;
  return build && buildEnd(pod, build);
}

function progress({ status }: Pod): BuildState {
  const context = stateOf(status?.initContainerStatuses, CONTAINERS.context);
  const since = (context?.running ?? context?.terminated)?.startedAt;
  if (since !== undefined) return { kind: 'running', since };
  return { kind: 'queued' };
}

const failedCondition = ({ status }: Job) =>
  status?.conditions?.find(({ type, status: holds }) => type === 'Failed' && holds === 'True');

/** The state of a build whose Job exists; `pod` is its newest. */
export function judge(job: Job, pod: Pod | undefined): Verdict {
  if (job.metadata.deletionTimestamp !== undefined) return { kind: 'unknown' };
  const ended = pod && (podFailure(pod) ?? containerEnd(pod));
  if (ended) return ended;
  // A Pod on a node that is gone never ends; the Job gives it up.
  const given = failedCondition(job);
  if (given) return lost(`the build’s Pod was lost: ${given.message ?? given.reason}`);
  if (job.status?.succeeded) return lost('the build’s Pod was deleted before its digest was read');
  return pod ? progress(pod) : { kind: 'queued' };
}
