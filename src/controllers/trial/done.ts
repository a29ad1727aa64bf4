/** Pure: what came of an action, and the decisions that only that allows. */
import { fail, LEFTOVER, nameConflict } from './decide.ts';
import type { Action, Fail, Wait } from './decide.ts';
import type { AttemptSeen, JobSeen } from './observed.ts';
import { refusalOf } from '../../pods/reading/refusal.ts';

/** What came of an action. */
export type Done =
  | Exclude<Action, { kind: 'createJob' | 'createBuild' }>
  | { kind: 'jobCreated' }
  | { kind: 'buildCreated'; taskBuild: string };

/** What came of creating a Job whose name is taken, by what has it. */
export function whereNameIsTaken(seen: AttemptSeen, found: JobSeen): Done {
  switch (found.kind) {
    case 'own':
      return { kind: 'jobCreated' };
    case 'none':
    case 'leftover':
      return LEFTOVER;
    case 'foreign':
      return nameConflict(seen);
    default:
      return found satisfies never;
  }
}

/** What came of a Job that the API server refuses, by its message. */
export const afterJobRefused = (said: string): Wait | Fail =>
  refused(said, (message) => fail('JobRejected', message));

/** What came of a TaskBuild that the API server refuses, by its message. */
export const afterBuildRefused = (taskBuild: string, said: string): Wait | Fail =>
  refused(said, (message) => fail('BuildFailed', `TaskBuild ${taskBuild}: BuildRejected: ${message}`));

/** What the API server will never take ends the Trial; a full quota or an ending namespace only waits. */
function refused(said: string, failure: (message: string) => Fail): Wait | Fail {
  const { kind, message } = refusalOf(said);
  return kind === 'passing'
    ? { kind: 'wait', reason: 'Pending', message, againMs: 10_000 }
    : failure(message);
}
