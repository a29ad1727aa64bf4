/** Pure: what came of an action, and the decisions that only that allows. */
import { fail, LEFTOVER, nameConflict, refused } from './decide.ts';
import type { Action, Fail, Wait } from './decide.ts';
import type { ImageRole } from '../../crds/trial-status.ts';
import { ofRole } from './images.ts';
import type { JobSeen } from '../attempts/observed.ts';
import type { AttemptSeen } from './observed.ts';

/** What came of an action. */
export type Done =
  | Exclude<Action, { kind: 'createJob' | 'createBuild' }>
  | { kind: 'jobCreated' }
  | { kind: 'buildCreated'; role: ImageRole; taskBuild: string };

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
export const afterBuildRefused = (
  { role, taskBuild }: Pick<Action & { kind: 'createBuild' }, 'role' | 'taskBuild'>,
  said: string,
): Wait | Fail =>
  refused(said, (message) =>
    fail('BuildFailed', ofRole(role, `TaskBuild ${taskBuild}: BuildRejected: ${message}`)),
  );
