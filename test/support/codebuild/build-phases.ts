/** The phases of one build as they begin and end, and what the build looked like at any moment before. */
import type { Build, BuildPhase, BuildStatus, PhaseContext, PhaseType } from './model.ts';

const NO_CONTEXT: PhaseContext = { statusCode: '', message: '' };

/** A copy that later changes of the build leave alone. */
const copy = (build: Build): Build => ({
  ...build,
  phases: build.phases.map((phase) => ({ ...phase })),
  logs: { ...build.logs },
  exportedEnvironmentVariables: [...build.exportedEnvironmentVariables],
});

export class BuildPhases {
  readonly #build: Build;
  readonly #now: () => number;
  readonly #history: { at: number; build: Build }[] = [];

  constructor(build: Build, now: () => number) {
    this.#build = build;
    this.#now = now;
  }

  begin(phaseType: PhaseType): void {
    this.#build.currentPhase = phaseType;
    this.#build.phases.push({ phaseType, startTime: this.#now() });
    this.changed();
  }

  /** Ends the phase that is under way. */
  end(phaseStatus: BuildStatus, context: PhaseContext = NO_CONTEXT): BuildPhase {
    const phase = this.#build.phases.at(-1)!;
    Object.assign(phase, { phaseStatus, endTime: this.#now(), contexts: [context] });
    this.changed();
    return phase;
  }

  /** Ends the build: AWS's last phase has neither status nor end. */
  complete(status: BuildStatus): void {
    Object.assign(this.#build, { buildStatus: status, buildComplete: true, endTime: this.#now() });
    this.begin('COMPLETED');
  }

  changed(): void {
    this.#history.push({ at: this.#now(), build: copy(this.#build) });
  }

  /** The build as it was then; undefined before its start. */
  at(time: number): Build | undefined {
    return this.#history.findLast(({ at }) => at <= time)?.build;
  }
}
