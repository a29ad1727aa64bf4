/** What a build’s Job and Pod say about it. Pure. */
import { CONTAINERS } from '../../../wire/pod-paths.ts';
import type { BuildFailedReason } from '../../../crds/reasons.ts';
import type { Job, Pod } from '../../../kube/kinds.ts';
import type { Cause, Exit } from '../../../pods/reading/cause.ts';
import { startedAt } from '../../../pods/reading/containers.ts';
import { failedCondition } from '../../../pods/reading/job.ts';
import { podState, type PodState } from '../../../pods/reading/state.ts';
import type { BuildState } from '../port.ts';
import { classify } from './failure.ts';

const failed = (reason: BuildFailedReason, message: string): BuildState => ({
  kind: 'failed',
  reason,
  message,
  logTail: [],
});
const lost = (message: string): BuildState => failed('BuilderUnavailable', message);

/** Somebody ended the Pod as a whole: its deadline, an eviction, a node that shut down. Undefined where its containers did. */
function podFailure(cause: Cause): BuildState | undefined {
  const ended = (words: string): BuildState => lost(`the build’s Pod ended: ${words}`);
  switch (cause.why) {
    case 'DeadlineExceeded':
      return failed('BuildTimeout', 'the build outlived its timeout');
    case 'Disrupted':
      return ended(cause.message || cause.by);
    case 'OverLimit':
      return ended(cause.message || 'Evicted');
    case 'Stopped':
      return ended(cause.message || cause.reason);
    case 'Exited':
    case 'Unknown':
      return undefined;
    default:
      return cause satisfies never;
  }
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

/** The message is the digest, or the end of buildctl’s log. */
function buildEnd({ exitCode, message = '' }: Exit): BuildState {
  if (exitCode !== 0) return { kind: 'failed', ...classify(message) };
  const [digest] = /sha256:[0-9a-f]{64}/.exec(message) ?? [];
  return digest === undefined ? lost('the build named no digest') : { kind: 'succeeded', digest };
}

/** How the build ended; undefined where nothing on the Pod says so. */
function endOf(state: PodState): BuildState | undefined {
  if (state.kind !== 'ended') return undefined;
  const { succeeded, cause } = state;
  const failure = succeeded ? undefined : podFailure(cause);
  if (failure) return failure;
  const { exit } = cause;
  if (exit?.container === CONTAINERS.context) return contextFailure(exit.message ?? '');
  return exit && buildEnd(exit);
}

/** It runs from the start of the context container on. */
function progress(pod: Pod | undefined): BuildState {
  const since = pod && startedAt(pod);
  return since === undefined ? { kind: 'queued' } : { kind: 'running', since };
}

/** What is known of a build whose Job exists; `pod` is its newest. */
export function readBuild(job: Job, pod: Pod | undefined): BuildState {
  if (job.metadata.deletionTimestamp !== undefined) return { kind: 'unknown' };
  const ended = pod && endOf(podState(pod));
  if (ended) return ended;
  // A Pod on a node that is gone never ends; the Job gives it up.
  const given = failedCondition(job);
  if (given) return lost(`the build’s Pod was lost: ${given.message ?? given.reason}`);
  if (job.status?.succeeded) return lost('the build’s Pod was deleted before its digest was read');
  return progress(pod);
}
