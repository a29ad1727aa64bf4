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

/** An error's message and those of its causes. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  for (let current = error; current !== undefined && parts.length < 5;) {
    if (!(current instanceof Error)) {
      parts.push(String(current));
      break;
    }
    // A refused connection to several addresses has no message of its own.
    parts.push(current.message || (current as NodeJS.ErrnoException).code || current.name);
    current = current.cause;
  }
  return parts.join(': ');
}
