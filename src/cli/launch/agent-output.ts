/** `--follow`: what agents print, while they print it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Trial } from '../../crds/trial.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { isRunning, stateOf } from '../../results/state.ts';
import { createBudget } from '../../async/in-parallel.ts';
import { safeLines } from '../../client/logs/lines.ts';
import type { PodLog } from '../../client/logs/pod-log.ts';

interface AgentOutputOptions {
  podLog: PodLog;
  /** Prints a line. */
  note: (text: string) => void;
  /** Ends all streams. */
  signal: AbortSignal;
}

/** Each is a stream through the API server, so there are never many at once; the others have their turn. */
const MOST = 10;
/** A container that ends the run may still have words on their way. */
const LAST_WORDS_MS = 2000;

/** Prints the lines of Trials' containers, with the Trial's name before them. */
export class AgentOutput {
  readonly #options: AgentOutputOptions;
  readonly #pods = new Set<string>();
  readonly #open = new Set<Promise<unknown>>();
  readonly #turn = createBudget(MOST);

  constructor(options: AgentOutputOptions) {
    this.#options = options;
  }

  /** Takes a Trial whose Pod may have something to say; one that says nothing yet is to be given again. */
  take(trial: Trial): void {
    const { note, signal } = this.#options;
    const { name } = trial.metadata;
    const pod = trial.status?.podName;
    if (pod === undefined || this.#pods.has(pod) || trial.spec.regrade || !isRunning(stateOf(trial).state))
      return;
    this.#pods.add(pod);
    const reading = this.#turn(1, () => this.#follow(pod, name))
      .catch((error: Error) => signal.aborted || note(`cannot follow ${name}: ${error.message}`))
      .finally(() => this.#open.delete(reading));
    this.#open.add(reading);
  }

  /** Resolves when all that was printed is read, or soon. */
  async settle(): Promise<void> {
    await Promise.race([Promise.all(this.#open), sleep(LAST_WORDS_MS, undefined, { ref: false })]);
  }

  async #follow(pod: string, name: string): Promise<void> {
    const { podLog, note, signal } = this.#options;
    const lines = await podLog({ pod, container: CONTAINERS.task, follow: true, signal });
    if (!lines) return void this.#pods.delete(pod);
    for await (const line of lines) for (const piece of safeLines(line)) note(`${name} | ${piece}`);
  }
}
