/** What runs a build once it has left the queue. */
import type { Build, ExportedVariable, PhaseContext, PhaseType } from './model.ts';

/** Thrown in the work of a phase: the phase, and with it the build, ends FAILED with this context. Anything else thrown is a FAULT. */
export class PhaseFailure extends Error {
  readonly context: PhaseContext;

  constructor(statusCode: string, message: string) {
    super(message);
    this.context = { statusCode, message };
  }
}

/** Thrown out of `phase` where the build ended for another reason (stopped, timed out, faulted): let it pass. */
export class BuildEnded extends Error {}

/** The phases that happen inside the build's container. */
export type ContainerPhase = Exclude<
  PhaseType,
  'SUBMITTED' | 'QUEUED' | 'PROVISIONING' | 'FINALIZING' | 'COMPLETED'
>;

/** A build's view of the service. */
export interface BuildSession {
  /** Fires when the build is stopped, times out or faults: nothing of it may go on. */
  readonly signal: AbortSignal;
  /** Built-in variables and those in plain text; secrets are still references in `build.environment`. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Does the work of one phase and records its times and its end. Resolves true where it succeeded and false where it threw a
   * `PhaseFailure`, after which the build ends FAILED whatever else it does.
   */
  phase(type: ContainerPhase, work: () => Promise<void>): Promise<boolean>;
  /** Resolves after `ms` milliseconds of the service's clock; throws `BuildEnded` where the build ends before. */
  sleep(ms: number): Promise<void>;
  /** Adds one line to the build's log. */
  log(line: string): void;
  /** Adds a line in CodeBuild's own name, with its time. */
  note(text: string): void;
  /** True once a phase has failed: CODEBUILD_BUILD_SUCCEEDING is then 0. */
  failing(): boolean;
  /** Sets what the build record shows as its exported variables. */
  exportVariables(variables: ExportedVariable[]): void;
}

export interface Executor {
  /** Resolves when the build has gone through its phases, whatever their end. */
  run(build: Build, session: BuildSession): Promise<void>;
}
