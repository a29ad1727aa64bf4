/** Pure: what the refusals of sbd mean to phases. */
import type { Exit, Reason } from '../../wire/hand/protocol.ts';
import type { Command, Refusal } from './hand.ts';
import { Refused } from '../../hand/stream.ts';

/** What kept a command from starting, by the reason that sbd gives. */
export const REFUSALS: Partial<Record<Reason, Refusal>> = {
  UserMissing: 'user',
  UserForbidden: 'courier',
  WorkdirMissing: 'workdir',
  InterpreterMissing: 'interpreter',
  // Of a script that names no interpreter: no shell is there.
  ProgramMissing: 'interpreter',
  NotExecutable: 'interpreter',
};

/** No process can be started, or none lives long enough to become the command. */
export const NO_ROOM = new Set<Reason>(['TooManyProcesses', 'Killed']);

/** A user's rights do not reach; root's may. */
export const isOutOfReach = (error: unknown): boolean =>
  error instanceof Refused && ['NotPermitted', 'NotFound'].includes(error.reason);

/** As shells say it. */
export const codeOf = ({ code, signal }: Exit): number => code ?? 128 + (signal ?? 0);

/** For `catch`: exit codes for what a shell would have said of a program that cannot be run. */
export const asShellsSay =
  ({ shell }: Command) =>
  (error: unknown): Exit => {
    const code = error instanceof Refused && !shell ? SHELL_CODES[error.reason] : undefined;
    if (code === undefined) throw error;
    return { code, timedOut: false, oomKills: 0, output: 0, error: 0 };
  };

const SHELL_CODES: Partial<Record<Reason, number>> = {
  ProgramMissing: 127,
  NotExecutable: 126,
  TooLarge: 126,
};

/** For `catch`: takes a refusal of sbd's for `value`. */
export const refusedAs =
  <T>(value: T) =>
  (error: unknown): T => {
    if (!(error instanceof Refused)) throw error;
    return value;
  };
