import type { TrialFailedReason } from '../crds/reasons.ts';

/** Ends the attempt without a result: `type` is the exception's name, Harbor's where it has one. */
export class AttemptFailure extends Error {
  override readonly name = 'AttemptFailure';
  readonly reason: TrialFailedReason;
  readonly type: string;

  constructor(
    reason: TrialFailedReason,
    message: string,
    { type = reason, cause }: { type?: string; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? {} : { cause });
    this.reason = reason;
    this.type = type;
  }
}

/** The agent's container keeps the verifier from running, whatever is tried. */
export class VerifierObstructed extends Error {
  override readonly name = 'VerifierObstructed';
}

const CAUSES_MAX = 5;

/** An error's message and those of its causes. */
export function explain(error: unknown, depth = 1): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : JSON.stringify(error);
  // A refused connection to several addresses has no message of its own.
  const message = error.message || (error as NodeJS.ErrnoException).code || error.name;
  return error.cause === undefined || depth === CAUSES_MAX
    ? message
    : `${message}: ${explain(error.cause, depth + 1)}`;
}
