/** One build on its way through AWS's phases, from the queue to COMPLETED. */
import { sleep, type Clock } from '../../../src/async/clock.ts';
import { BuildLog } from './build-log.ts';
import { BuildPhases } from './build-phases.ts';
import type { BuildQueue } from './build-queue.ts';
import { builtinVariables } from './builtin-variables.ts';
import {
  BuildEnded,
  PhaseFailure,
  type BuildSession,
  type ContainerPhase,
  type Executor,
} from './executor.ts';
import type { BuildFault, Faults } from './faults.ts';
import type { LogSink } from './log-sink.ts';
import type { Build, BuildStatus, PhaseContext, PhaseType } from './model.ts';

export interface RunServices {
  region: string;
  executor: Executor;
  logs: LogSink;
  clock: Clock;
  minuteMs: number;
  queue: BuildQueue;
  faults: Faults;
}

interface End {
  status: Exclude<BuildStatus, 'IN_PROGRESS' | 'SUCCEEDED'>;
  context?: PhaseContext;
}

const TIMED_OUT: End = {
  status: 'TIMED_OUT',
  context: { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' },
};
const STOPPED: End = { status: 'STOPPED' };

export class BuildRun {
  readonly build: Build;
  readonly phases: BuildPhases;
  readonly #services: RunServices;
  readonly #log: BuildLog;
  readonly #abort = new AbortController();
  #end: End | undefined;
  #failed = false;

  constructor(build: Build, services: RunServices) {
    this.build = build;
    this.#services = services;
    const now = (): number => services.clock.now();
    this.phases = new BuildPhases(build, now);
    this.#log = new BuildLog(build, now);
    this.phases.begin('SUBMITTED');
    this.phases.end('SUCCEEDED');
    this.phases.begin('QUEUED');
  }

  /** Resolves when the build is complete and nothing of it runs any more. Never rejects. */
  async run(): Promise<void> {
    const slot = await this.#queued();
    try {
      if (slot) await this.#provisioned();
    } catch (error) {
      if (!(error instanceof BuildEnded)) this.#fault(error);
    }
    await this.#complete();
    if (slot) this.#services.queue.leave();
  }

  /** StopBuild, or a person at the console. A complete build stays what it is. */
  stop(): void {
    this.#finish(STOPPED);
  }

  #finish(end: End): void {
    if (this.build.buildComplete || this.#end) return;
    this.#end = end;
    this.#abort.abort(new BuildEnded(`the build ended ${end.status}`));
  }

  #fault(error: unknown): void {
    this.#finish({ status: 'FAULT', context: { statusCode: 'INTERNAL_ERROR', message: String(error) } });
  }

  /** True where the build has a slot afterwards. */
  async #queued(): Promise<boolean> {
    const { clock, minuteMs, queue, faults } = this.#services;
    const cancel = clock.after(this.build.queuedTimeoutInMinutes * minuteMs, () => this.#finish(TIMED_OUT));
    const held = faults.take('queued', this.#mine);
    if (held) await sleep(clock, held.ms, this.#abort.signal);
    await this.#meetEnd('QUEUED').catch(() => {});
    const slot = await queue.enter(this.#abort.signal);
    cancel();
    return slot;
  }

  async #provisioned(): Promise<void> {
    const { clock, minuteMs } = this.#services;
    this.#abort.signal.throwIfAborted();
    this.phases.end('SUCCEEDED');
    const cancel = clock.after(this.build.timeoutInMinutes * minuteMs, () => this.#finish(TIMED_OUT));
    try {
      await this.#phase('PROVISIONING', () => this.#log.open(this.#services.logs));
      await this.#services.executor.run(this.build, this.#session());
      await this.#phase('FINALIZING', () => this.#log.flush());
    } finally {
      cancel();
    }
  }

  readonly #mine = ({ of }: BuildFault): boolean => !of || of(this.build);

  /** Where a fault ends the build in this phase: waits for it, and throws. */
  async #meetEnd(type: PhaseType): Promise<void> {
    const fault = this.#services.faults.take('end', (end) => end.phase === type && this.#mine(end));
    if (!fault) return;
    if (fault.afterMs) await sleep(this.#services.clock, fault.afterMs, this.#abort.signal);
    this.#finish(fault);
    this.#abort.signal.throwIfAborted();
  }

  async #phase(type: PhaseType, work: () => Promise<void>): Promise<boolean> {
    this.#abort.signal.throwIfAborted();
    this.phases.begin(type);
    this.#log.entering(type);
    try {
      await this.#work(type, work);
    } catch (error) {
      return this.#phaseFailed(error);
    }
    this.#log.complete(this.phases.end('SUCCEEDED'));
    return true;
  }

  async #work(type: PhaseType, work: () => Promise<void>): Promise<void> {
    const end = this.#meetEnd(type);
    // Both are waited for: a build that ends early is complete only when nothing of it runs any more.
    const [, done] = await Promise.allSettled([end, this.#end ? undefined : work()]);
    this.#abort.signal.throwIfAborted();
    if (done.status === 'rejected') throw done.reason;
  }

  #phaseFailed(error: unknown): false {
    if (this.#end || !(error instanceof PhaseFailure)) throw error;
    this.#failed = true;
    this.#log.complete(this.phases.end('FAILED', error.context));
    return false;
  }

  async #complete(): Promise<void> {
    if (this.#end) {
      const underWay = this.build.phases.at(-1)?.phaseStatus === undefined;
      if (underWay) this.#log.complete(this.phases.end(this.#end.status, this.#end.context));
      await this.#log.flush().catch(() => {});
    }
    this.phases.complete(this.#end?.status ?? (this.#failed ? 'FAILED' : 'SUCCEEDED'));
  }

  #session(): BuildSession {
    const { clock, region } = this.#services;
    const { signal } = this.#abort;
    return {
      signal,
      env: builtinVariables(this.build, region),
      phase: (type: ContainerPhase, work) => this.#phase(type, work),
      sleep: async (ms) => {
        if (ms > 0) await sleep(clock, ms, signal);
        signal.throwIfAborted();
      },
      log: (line) => this.#log.write(line),
      note: (text) => this.#log.note(text),
      exportVariables: (variables) => {
        this.build.exportedEnvironmentVariables = variables;
        this.phases.changed();
      },
      failing: () => this.#failed,
    };
  }
}
