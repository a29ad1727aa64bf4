/** The door of a Trial's Pod, by which the broker lets people into the task container (decision 0053). What is behind it is loaded for the first of them. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../async/clock.ts';
import { TRIAL_ENTRY_PORT } from '../../wire/sandbox/names.ts';
import type { SandboxDefaults } from '../../wire/sandbox/requests.ts';
import { explain } from '../failure.ts';
import type { EntryHand } from '../hand/entry-hand.ts';
import { Unproven } from '../sandbox/unproven.ts';
import type { BrokerSettings } from '../settings.ts';
import type { Inside } from './inside.ts';

export interface EntryDeps {
  hand: EntryHand;
  broker: BrokerSettings;
  clock: Clock;
  note: (line: string) => void;
  /** Something begins in the container: these have entered so far. */
  onAct: (callers: readonly string[]) => void;
  /** Aborted when the courier is told to stop. */
  stop: AbortSignal;
  /** Default: `TRIAL_ENTRY_PORT`; 0 for any. */
  port?: number;
  /** Whether an address is one of this Pod's. */
  isOwn?: (address: string) => boolean;
}

/** Of those who are in and of those who may be anybody: a person has one or two, and each takes memory that the Trial needs. */
const CONNECTIONS_MAX = 16;

export class Entry {
  readonly #deps: EntryDeps;
  readonly #server: Server;
  /** Missing: nobody may come in yet. */
  #defaults: SandboxDefaults | undefined;
  #inside: Promise<Inside> | undefined;
  #hasFailed = false;
  readonly #unproven = new Unproven(CONNECTIONS_MAX);

  constructor(deps: EntryDeps) {
    this.#deps = deps;
    // Nothing is read before TLS takes it.
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#take(socket));
  }

  /** Takes the port; resolves to it. Where it is taken already, nobody comes in, and the Trial goes on. */
  async open(): Promise<number | undefined> {
    const { port = TRIAL_ENTRY_PORT, note } = this.#deps;
    try {
      this.#server.listen(port);
      await once(this.#server, 'listening');
      return (this.#server.address() as AddressInfo).port;
    } catch (error) {
      note(`nobody can enter the task container: ${explain(error)}`);
      return undefined;
    }
  }

  /** From now on. Whoever came before tries again. */
  admit(defaults: SandboxDefaults): void {
    this.#defaults = defaults;
  }

  /** Says good-bye to whoever is inside. */
  async close(): Promise<void> {
    this.#defaults = undefined;
    this.#server.close();
    const inside = await this.#inside?.catch(() => undefined);
    await inside?.leave();
  }

  #take(socket: Socket): void {
    const { isOwn = isOwnAddress } = this.#deps;
    socket.on('error', () => {});
    // What runs in the Pod has no business here, and is to have no work of the courier's.
    if (!this.#defaults || !socket.remoteAddress || isOwn(socket.remoteAddress)) socket.destroy();
    else if (this.#unproven.enter(socket)) void this.#letIn(socket, this.#defaults);
  }

  async #letIn(socket: Socket, defaults: SandboxDefaults): Promise<void> {
    try {
      const bounds = { unproven: this.#unproven, provenMax: CONNECTIONS_MAX };
      this.#inside ??= import('./inside.ts').then(({ openInside }) =>
        openInside(this.#deps, { defaults, bounds }),
      );
      const inside = await this.#inside;
      if (!socket.destroyed) inside.take(socket);
    } catch (error) {
      this.#inside = undefined;
      socket.destroy();
      // Whoever knocks again is not to fill the log.
      if (!this.#hasFailed) this.#deps.note(`somebody could not be let in: ${explain(error)}`);
      this.#hasFailed = true;
    }
  }
}

const withoutPrefix = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/** Of this Pod, whose network all its containers share. */
export function isOwnAddress(address: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((all = []) => all.map((one) => one.address));
  const plain = withoutPrefix(address);
  return plain.startsWith('127.') || own.includes(plain);
}
