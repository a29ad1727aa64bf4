/** What the builder says of all builds under way: one call for all of them, at most once per poll interval, whoever asks. */
import { openAttempt } from '../../crds/attempts.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { sleep } from '../../async/clock.ts';
import type { Clock } from '../../async/clock.ts';
import type { Store } from '../../kube/types.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { BuildHandle, ImageBuilder } from '../../providers/image-builder/port.ts';
import type { StateSeen } from './observed.ts';

type Answer = (id: string) => StateSeen;

export interface BuildStatesOptions {
  builder: ImageBuilder;
  /** Indexed by `slot`: `bySlot`. */
  taskBuilds: Store<TaskBuild>;
  clock: Clock;
}

/** The one poller of all builds must not hang with one call; a builder’s own limits are shorter. */
const ANSWER_MS = 120_000;

/** The builder's handle of the build under way; undefined before it was started. */
export function handleOf(taskBuild: TaskBuild): BuildHandle | undefined {
  const id = openAttempt(taskBuild)?.buildId;
  return id === undefined ? undefined : { id, namespace: taskBuild.metadata.namespace ?? '' };
}

export class BuildStates {
  readonly #options: BuildStatesOptions;
  #askedAt = Number.NEGATIVE_INFINITY;
  #answer: Promise<Answer> = Promise.resolve(() => ({ kind: 'queued' }));
  #isAsking = false;

  constructor(options: BuildStatesOptions) {
    this.#options = options;
  }

  /** Milliseconds until the builder may be asked again. */
  get dueInMs(): number {
    const { builder, clock } = this.#options;
    return Math.max(0, this.#askedAt + builder.pollMs - clock.monotonic());
  }

  async stateOf(handle: BuildHandle): Promise<StateSeen> {
    if (this.dueInMs === 0 && !this.#isAsking) this.#ask(handle);
    return (await this.#answer)(handle.id);
  }

  #ask(handle: BuildHandle): void {
    const { builder, taskBuilds, clock } = this.#options;
    const open = taskBuilds.by('slot', 'open').flatMap((build) => handleOf(build) ?? []);
    const handles = [...new Map([...open, handle].map((each) => [each.id, each])).values()];
    this.#askedAt = clock.monotonic();
    this.#isAsking = true;
    this.#answer = inTime(clock, answerOf(builder, handles)).finally(() => (this.#isAsking = false));
  }
}

/** The answer, or after ANSWER_MS that there is none. */
async function inTime(clock: Clock, answer: Promise<Answer>): Promise<Answer> {
  const answered = new AbortController();
  const message = `the builder has not answered within ${ANSWER_MS / 1000} s`;
  const late = sleep(clock, ANSWER_MS, answered.signal).then((): Answer => () => ({
    kind: 'unanswered',
    message,
  }));
  return Promise.race([answer, late]).finally(() => answered.abort());
}

async function answerOf(builder: ImageBuilder, handles: BuildHandle[]): Promise<Answer> {
  const asked = new Set(handles.map(({ id }) => id));
  try {
    const states = await builder.states(handles);
    // What was started since then had no time to begin.
    return (id) => states.get(id) ?? { kind: asked.has(id) ? 'unknown' : 'queued' };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return () => ({ kind: 'unanswered', message: error.message });
  }
}
