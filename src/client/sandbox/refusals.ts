/** What a Sandbox answers, as errors that people read. */
import { HandLost, Refused } from '../../hand/stream.ts';
import { SessionGone } from './connection/connection.ts';
import { SandboxError, SandboxLost, SandboxRefused } from './errors.ts';

/** `what` follows “Sandbox x did not”. Whatever is none of ours stays what it is. */
export function asSandboxError(error: unknown, { sandbox, what }: { sandbox: string; what: string }): Error {
  if (error instanceof SandboxError) return error;
  if (error instanceof Refused)
    return new SandboxRefused(sandbox, { reason: error.reason, message: error.message, what });
  if (error instanceof HandLost || error instanceof SessionGone)
    return new SandboxLost(sandbox, `it is not known whether it did ${what}: ${error.message}`, error);
  return error as Error;
}
