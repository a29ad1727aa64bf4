/** Connections that have proved nothing yet (decision 0077). Anyone who reaches the port can open them; nobody keeps others out by holding them. */
import type { Socket } from 'node:net';

type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

const peerOf = ({ remoteAddress = '', remotePort = 0 }: Peer): string => `${remoteAddress} ${remotePort}`;

interface Waiting {
  socket: Socket;
  peer: string;
  address: string;
  since: number;
}

/** A handshake takes some ten milliseconds. Whoever opens connection after connection is to have no work of the courier's for each. */
const TURN_MS = 1000;

export class Unproven {
  readonly #max: number;
  readonly #monotonic: () => number;
  /** By peer, the oldest first. */
  readonly #waiting = new Map<string, Waiting>();

  /** `monotonic`: milliseconds. */
  constructor(max: number, monotonic = (): number => performance.now()) {
    this.#max = max;
    this.#monotonic = monotonic;
  }

  /**
   * Counts one; false where it was closed instead. Where all places are taken, the oldest connection goes of the address that has most: for one of
   * an address that has fewer, or where it has had its turn.
   */
  enter(socket: Socket): boolean {
    const peer = peerOf(socket);
    if (this.#waiting.has(peer)) return true;
    const { remoteAddress: address = '' } = socket;
    if (this.#waiting.size >= this.#max && !this.#makesWay(address)) {
      socket.destroy();
      return false;
    }
    this.#waiting.set(peer, { socket, peer, address, since: this.#monotonic() });
    socket.once('close', () => {
      if (this.#waiting.get(peer)?.socket === socket) this.#waiting.delete(peer);
    });
    return true;
  }

  /** It has proved what it had to, and counts here no more. */
  prove(peer: Peer): void {
    this.#waiting.delete(peerOf(peer));
  }

  #makesWay(newcomer: string): boolean {
    const groups = Map.groupBy(this.#waiting.values(), ({ address }) => address);
    const [most = []] = [...groups.values()].toSorted((a, b) => b.length - a.length);
    const [oldest] = most;
    if (!oldest) return false;
    const hasFewer = (groups.get(newcomer)?.length ?? 0) + 1 < most.length;
    if (!hasFewer && this.#monotonic() - oldest.since < TURN_MS) return false;
    this.#waiting.delete(oldest.peer);
    oldest.socket.destroy();
    return true;
  }
}
