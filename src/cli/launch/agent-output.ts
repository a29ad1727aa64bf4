/** `--follow`: what agents print, while they print it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Trial } from '../../crds/trial.ts';
import { CONTAINERS } from '../../crds/courier-protocol.ts';
import type { Kube } from '../../kube/connect.ts';
import { ApiError } from '../../kube/errors.ts';
import { BrokenStream, readLines } from '../../kube/http/lines.ts';
import { objectPath, queryString } from '../../kube/http/paths.ts';
import { Pod } from '../../kube/kinds.ts';

export interface AgentOutputOptions {
  kube: Kube;
  /** Prints a line. */
  note: (text: string) => void;
  /** Ends all streams. */
  signal: AbortSignal;
}

/** Each is a stream through the API server, so there are never many. */
const MOST = 10;
const HEADERS_MS = 30_000;
/** A container that ends the run may still have words on their way. */
const LAST_WORDS_MS = 2000;

/** Prints the lines of Trials' containers, with the Trial's name before them. */
export class AgentOutput {
  readonly #options: AgentOutputOptions;
  readonly #pods = new Set<string>();
  readonly #open = new Set<Promise<void>>();

  constructor(options: AgentOutputOptions) {
    this.#options = options;
  }

  /** Takes a Trial whose Pod may have something to say; one that says nothing yet is to be given again. */
  take({ metadata: { namespace = '', name }, status }: Trial): void {
    const pod = status?.podName;
    if (pod === undefined || this.#pods.has(pod) || this.#open.size >= MOST) return;
    this.#pods.add(pod);
    const reading = this.#follow({ namespace, name: pod }, name)
      .catch((error: unknown) => this.#failed(error, { pod, name }))
      .finally(() => this.#open.delete(reading));
    this.#open.add(reading);
  }

  /** Resolves when all that was printed is read, or soon. */
  async settle(): Promise<void> {
    await Promise.race([Promise.all(this.#open), sleep(LAST_WORDS_MS, undefined, { ref: false })]);
  }

  async #follow(pod: { namespace: string; name: string }, name: string): Promise<void> {
    const { kube, note, signal } = this.#options;
    const query = queryString({ container: CONTAINERS.task, follow: true });
    const path = `${objectPath(Pod, pod)}/log${query}`;
    const body = await kube.transport.stream({ path, signal, headersTimeoutMs: HEADERS_MS });
    for await (const line of readLines(body)) note(`${name} | ${line}`);
  }

  #failed(error: unknown, { pod, name }: { pod: string; name: string }): void {
    const { signal, note } = this.#options;
    // A last line without its newline is no trouble of anybody's, nor is a Pod that is gone.
    if (signal.aborted || error instanceof BrokenStream) return;
    if (error instanceof ApiError && error.status === 404) return;
    // The container waits to start.
    if (error instanceof ApiError && error.status === 400) return void this.#pods.delete(pod);
    note(`cannot follow ${name}: ${(error as Error).message}`);
  }
}
