/** Pure: what came of an action, and the decisions that only that allows. */
import { jittered, openAttempt } from '../../crds/attempts.ts';
import { BUILD_FAILED } from '../../crds/reasons.ts';
import type { BuildActiveReason, BuildFailedReason } from '../../crds/reasons.ts';
import type { BuildAttempt } from '../../crds/task-build.ts';
import type { ProviderError, ProviderReason } from '../../providers/errors.ts';
import type { BuildHandle } from '../../providers/image-builder/port.ts';
import { ASK_AGAIN_MS, fail } from './decide.ts';
import type { Action, Ending, Fail, Wait } from './decide.ts';
import type { BuildSeen, Named } from './observed.ts';

/** What came of an action. */
export type Done =
  | Exclude<Action, { kind: 'openAttempt' | 'start' }>
  | ({ kind: 'opened'; attempt: BuildAttempt } & Named)
  | { kind: 'started'; handle: BuildHandle };

const REFUSED_PAUSE_MS = [2000, 60_000] as const;

const REFUSALS: Record<ProviderReason, BuildFailedReason | BuildActiveReason> = {
  QuotaExceeded: 'QuotaExceeded',
  Throttled: 'BuilderNotAnswering',
  Unavailable: 'BuilderNotAnswering',
  AccessDenied: 'BuilderAccessDenied',
  NotFound: 'BuilderNotFound',
  Invalid: 'BuildRejected',
  PreconditionFailed: 'BuildRejected',
  TooLarge: 'BuildRejected',
};

const isFailure = (reason: BuildFailedReason | BuildActiveReason): reason is BuildFailedReason =>
  reason in BUILD_FAILED;

/** The builder took no build: asked again where that can help, the longer it has been so the later. */
export function afterRefusal(
  { now }: BuildSeen,
  { openedTime, token }: BuildAttempt,
  { reason, message }: Pick<ProviderError, 'reason' | 'message'>,
): Wait | Fail {
  const meant = REFUSALS[reason];
  if (isFailure(meant)) return fail(meant, message);
  const waitedMs = openedTime === undefined ? 0 : now.getTime() - Date.parse(openedTime);
  const [least, most] = REFUSED_PAUSE_MS;
  const pauseMs = Math.min(most, Math.max(least, waitedMs));
  return { kind: 'wait', reason: meant, message, againMs: jittered(pauseMs, token) };
}

/** What came of a build whose record cannot be stored. */
export const afterUnrecorded = (message: string): Wait => ({
  kind: 'wait',
  reason: 'Pending',
  message: `the image was built, and its record cannot be stored: ${message}`,
  againMs: ASK_AGAIN_MS,
});

/** What came of a build that we may not stop: it ends by itself some day, and the TaskBuild does not wait for that. */
export const afterUnstopped = <A extends Ending>(action: A, message: string): A => ({
  ...action,
  failure: { ...action.failure, message: `${action.failure.message}; it runs on: ${message}` },
});

/** Whether a TaskBuild keeps its slot, or its position in the queue for one. */
export const keepsSlot = ({ taskBuild }: BuildSeen, done: Done): boolean =>
  openAttempt(taskBuild) !== undefined ||
  done.kind === 'opened' ||
  (done.kind === 'wait' && done.reason === 'WaitingForSlot');
