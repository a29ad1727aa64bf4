/** Failures that a test asks the service for. */
import type { Operation } from './operation.ts';
import type { Build, BuildStatus, PhaseContext, PhaseType } from './model.ts';

/** A fault of calls. Without `operation` it meets every operation; `times` defaults to 1. */
export type CallFault =
  /** ThrottlingException, "Rate exceeded". */
  | { kind: 'throttle'; operation?: Operation; times?: number }
  /** StartBuild answers AccountLimitExceededException. */
  | { kind: 'accountLimit'; operation?: 'StartBuild'; times?: number }
  /** AccessDeniedException that names user, action and resource. */
  | { kind: 'accessDenied'; operation: Operation; times?: number }
  /** StartBuild and ListBuildsForProject answer ResourceNotFoundException as if the project were gone. */
  | { kind: 'projectNotFound'; operation?: Operation; times?: number }
  /** ExpiredTokenException, as for credentials whose session ended. */
  | { kind: 'expiredToken'; operation?: Operation; times?: number }
  /** HTTP 500 InternalFailure, without the effect. */
  | { kind: 'internal'; operation?: Operation; times?: number }
  /** The call happens, its connection is reset instead of an answer. */
  | { kind: 'loseResponse'; operation?: Operation; times?: number }
  /** The call waits, before or after its effect, until released. */
  | { kind: 'hold'; operation: Operation; when: 'before' | 'after'; times?: number }
  /** BatchGetBuilds answers with what was true so long ago; builds begun since are not found. */
  | { kind: 'stale'; operation?: 'BatchGetBuilds'; ms: number; times?: number };

/** A fault of builds; without `of` of the next build that starts. `times` defaults to 1. */
export type BuildFault =
  /** The build stays QUEUED so long, whatever the quota. */
  | { kind: 'queued'; ms: number; of?: (build: Build) => boolean; times?: number }
  /** The build ends so once it has been in `phase` for `afterMs` (default 0). */
  | {
      kind: 'end';
      status: Exclude<BuildStatus, 'IN_PROGRESS' | 'SUCCEEDED'>;
      phase: Exclude<PhaseType, 'SUBMITTED' | 'COMPLETED'>;
      afterMs?: number;
      context?: PhaseContext;
      of?: (build: Build) => boolean;
      times?: number;
    };

export type Fault = CallFault | BuildFault;

export interface Injected {
  /** Calls or builds met so far. */
  readonly hits: number;
  /** Resolves at the first hit. */
  readonly reached: Promise<void>;
  /** Lets held calls go on, and takes the fault away. */
  release(): void;
}

type Kind = Fault['kind'];
type FaultOf<K extends Kind> = Extract<Fault, { kind: K }>;

class Entry {
  readonly fault: Fault;
  hits = 0;
  readonly reached = Promise.withResolvers<void>();
  readonly released = Promise.withResolvers<void>();

  constructor(fault: Fault) {
    this.fault = fault;
  }

  get spent(): boolean {
    return this.hits >= (this.fault.times ?? 1);
  }

  hit(): void {
    this.hits++;
    this.reached.resolve();
  }
}

/** The faults that are still to come. */
export class Faults {
  #entries: Entry[] = [];

  inject(fault: Fault): Injected {
    const entry = new Entry(fault);
    this.#entries.push(entry);
    const release = (): void => {
      this.#entries = this.#entries.filter((other) => other !== entry);
      entry.released.resolve();
    };
    return {
      get hits() {
        return entry.hits;
      },
      reached: entry.reached.promise,
      release,
    };
  }

  /** Counts the first fault of this kind that applies, if there is one. */
  take<K extends Kind>(kind: K, applies: (fault: FaultOf<K>) => boolean): FaultOf<K> | undefined {
    return this.#take(kind, applies)?.fault as FaultOf<K> | undefined;
  }

  /** Waits where the call is to be held. */
  async hold(operation: Operation, when: 'before' | 'after'): Promise<void> {
    const held = this.#take('hold', (fault) => fault.operation === operation && fault.when === when);
    await held?.released.promise;
  }

  /** Lets go whatever is held. */
  close(): void {
    for (const { released } of this.#entries) released.resolve();
  }

  #take<K extends Kind>(kind: K, applies: (fault: FaultOf<K>) => boolean): Entry | undefined {
    const matches = ({ fault, spent }: Entry): boolean =>
      !spent && fault.kind === kind && applies(fault as FaultOf<K>);
    const entry = this.#entries.find(matches);
    entry?.hit();
    return entry;
  }
}
