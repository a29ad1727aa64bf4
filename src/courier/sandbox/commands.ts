/** The commands of a Sandbox, by their ids: those that run, and those that have ended a while ago. */
import type { Cancel, Clock } from '../../async/clock.ts';
import type { CommandState } from '../../wire/hand/protocol.ts';
import { WINDOW } from '../../wire/hand/protocol.ts';
import { runRequest } from '../../wire/sandbox/requests.ts';
import type { SandboxCommand, SandboxDefaults, StartRequest } from '../../wire/sandbox/requests.ts';
import type { Sbd } from '../hand/sbd/client.ts';
import { Command } from './command.ts';
import type { Reader } from './reader.ts';

export const RUNNING_MAX = 64;
const ENDED_MAX = 256;
const ENDED_KEPT_MS = 10 * 60_000;
/** sbd keeps so many that have ended, for a courier that is started again; a while later none. They cost memory of the user's container. */
const ENDED_AT_SBD = 16;
const ENDED_AT_SBD_MS = 60_000;
const SWEEP_MS = 15_000;
/** Memory for the output of all commands, beyond what a follower has not read yet. */
const OUTPUT_MAX = 16 * 1024 * 1024;
const ENDED_OUTPUT_MAX = 8 * 1024 * 1024;
const LEAST_KEPT = 16 * 1024;

/** Names that are the courier's own: programs name none like that. */
export const OWN_PREFIX = 'sb-';

interface Known {
  command: Command;
  /** What it was asked for with; missing where an earlier courier was asked. */
  request?: string;
}

interface Ended {
  command: Command;
  /** Monotonic milliseconds. */
  at: number;
  isReleased: boolean;
}

export interface CommandsDeps {
  hand: Pick<Sbd, 'relay' | 'ready' | 'commands'>;
  clock: Clock;
  /** A command has ended. */
  onEnd: () => void;
}

export class Commands {
  readonly #deps: CommandsDeps;
  readonly #known = new Map<string, Known>();
  /** In the order in which they ended. */
  readonly #ended: Ended[] = [];
  #sweeping: Cancel | undefined;

  constructor(deps: CommandsDeps) {
    this.#deps = deps;
  }

  get running(): number {
    let count = 0;
    for (const { command } of this.#known.values()) if (command.isRunning) count += 1;
    return count;
  }

  list(): SandboxCommand[] {
    return [...this.#known.values()].map(({ command: { id, pid, isRunning } }) => ({
      id,
      pid,
      running: isRunning,
    }));
  }

  find(id: string): Command | undefined {
    return this.#known.get(id)?.command;
  }

  /** Starts a command for a reader, or attaches it to the one that was started like that; the reader is told why neither can be done. */
  start(request: StartRequest, defaults: SandboxDefaults, reader: Reader): Command | undefined {
    const text = JSON.stringify(request);
    const known = this.#known.get(request.id);
    if (known && known.request !== undefined && known.request !== text) {
      reader.fail('CommandExists', `a command ${request.id} was started with another request`);
      return undefined;
    }
    if (!known && this.running >= RUNNING_MAX) {
      reader.fail('TooManyCommands', `${RUNNING_MAX} commands are running`);
      return undefined;
    }
    const command = known?.command ?? this.#add(request.id, { request, text, defaults });
    command.attach(reader);
    return command;
  }

  /** Attaches to commands that an earlier courier of this Pod has started. */
  adopt(states: CommandState[]): void {
    for (const { id } of states) if (!id.startsWith(OWN_PREFIX) && !this.#known.has(id)) this.#add(id);
  }

  /** Every command goes on with what waits. */
  pump(): void {
    for (const { command } of this.#known.values()) command.pump();
  }

  #add(id: string, start?: { request: StartRequest; text: string; defaults: SandboxDefaults }): Command {
    // A command may be over before it is known: whoever made it is told afterwards.
    const isKnown = Promise.resolve();
    const command: Command = new Command({
      id,
      hand: this.#deps.hand,
      ...(start && { run: runRequest(start.request, start.defaults) }),
      keep: () => Math.max(LEAST_KEPT, Math.min(WINDOW, Math.floor(OUTPUT_MAX / (2 * this.running || 1)))),
      onOver: (started) => void isKnown.then(() => this.#over(command, started)),
    });
    this.#known.set(id, { command, ...(start && { request: start.text }) });
    return command;
  }

  #over(command: Command, started: boolean): void {
    if (!started) return void this.#known.delete(command.id);
    this.#deps.onEnd();
    this.#ended.push({ command, at: this.#deps.clock.monotonic(), isReleased: false });
    this.#sweep();
  }

  /** Forgets what has been kept for long enough, and has sbd forget it before that. */
  #sweep(): void {
    const now = this.#deps.clock.monotonic();
    const isOld = ({ at }: Ended): boolean => now - at >= ENDED_KEPT_MS;
    for (
      let [first] = this.#ended;
      first && (isOld(first) || this.#ended.length > ENDED_MAX);
      [first] = this.#ended
    ) {
      this.#release(first);
      this.#known.delete(first.command.id);
      this.#ended.shift();
    }
    let held = 0;
    for (const [index, one] of this.#ended.toReversed().entries()) {
      if (index >= ENDED_AT_SBD || now - one.at >= ENDED_AT_SBD_MS) this.#release(one);
      // The output of those that have ended first goes first; how they ended stays known.
      held += one.command.held;
      if (held > ENDED_OUTPUT_MAX) one.command.shrink(0);
    }
    if (this.#ended.length > 0)
      this.#sweeping ??= this.#deps.clock.after(SWEEP_MS, () => {
        this.#sweeping = undefined;
        this.#sweep();
      });
  }

  #release(ended: Ended): void {
    if (!ended.isReleased) ended.command.release();
    ended.isReleased = true;
  }

  close(): void {
    this.#sweeping?.();
  }
}
