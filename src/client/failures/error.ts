import type { ExitCode } from './exit-code.ts';
import { CATALOGUE, type Code } from './catalogue.ts';

/** The four lines of a failure; the fourth is the code. Text from outside may be in them: printing makes it safe. */
export interface FailureText {
  /** What was not done: `cannot read run hello-20260131-142501`. */
  what: string;
  /** Why, with the object's condition where there is one. May have several lines. */
  why: string;
  /** The command that fixes it, or what to do. */
  fix: string;
  /** The error behind it, for --debug. */
  cause?: unknown;
  /** Where the catalogue's is not right. */
  exit?: ExitCode;
}

/** A failure that `sb` explains. Everything else that is thrown is a fault of sb (SB-E099). */
export class CliError extends Error {
  readonly code: Code;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
  readonly exit: ExitCode;

  constructor(code: Code, { what, why, fix, cause, exit }: FailureText) {
    super(`${what}: ${why}`, { cause });
    this.name = 'CliError';
    this.code = code;
    this.what = what;
    this.why = why;
    this.fix = fix;
    this.exit = exit ?? CATALOGUE[code].exit;
  }
}
