/** Which phase has the network now. Its end is the end of every connection that it had. */
import type { Socket } from 'node:net';
import type { PhaseNetwork } from '../../wire/network.ts';
import type { TunnelTarget } from '../../wire/tunnel.ts';
import type { PhaseOfStep } from './network.ts';
import { TunnelRefused } from './tunnel.ts';
import type { OpenTunnel } from './tunnel.ts';

export interface NetworkedPhase extends PhaseOfStep {
  mode: PhaseNetwork['mode'];
}

interface Running extends NetworkedPhase {
  over: AbortController;
  sockets: Set<Socket>;
}

/** Where connections may lead now. */
export interface Ways {
  /** Rejects with TunnelRefused where they lead nowhere. */
  open(target: TunnelTarget, gone: AbortSignal): Promise<Socket>;
}

export class PhaseTunnels implements Ways {
  readonly #openTunnel: OpenTunnel;
  #running: Running | undefined;

  constructor(openTunnel: OpenTunnel) {
    this.#openTunnel = openTunnel;
  }

  /** The mode of the phase that runs; undefined between phases. */
  get mode(): PhaseNetwork['mode'] | undefined {
    return this.#running?.mode;
  }

  /** Does the work of a phase with that phase's network. */
  async during<T>(of: NetworkedPhase, work: () => Promise<T>): Promise<T> {
    const { phase, step } = this.#running ?? {};
    if (phase !== of.phase || step !== of.step) this.end();
    this.#running = { over: new AbortController(), sockets: new Set(), ...this.#running, ...of };
    try {
      return await work();
    } finally {
      if (!of.goesOn) this.end();
    }
  }

  /** Ends what is open; nothing more is opened. */
  end(): void {
    const { over, sockets } = this.#running ?? {};
    this.#running = undefined;
    over?.abort(new TunnelRefused(403, 'the phase that asked has ended'));
    for (const socket of sockets ?? []) socket.destroy();
  }

  /** Opens a tunnel of the phase that runs. Rejects with TunnelRefused where none does, or its network is None. */
  async open(target: TunnelTarget, gone: AbortSignal): Promise<Socket> {
    const running = this.#running;
    if (!running) throw new TunnelRefused(403, 'no phase of the Trial runs now, so nothing can be reached');
    const { phase, step, mode, over, sockets } = running;
    if (mode === 'None') throw new TunnelRefused(403, `the phase ${phase} has no network`);
    const signal = AbortSignal.any([over.signal, gone]);
    const socket = await this.#openTunnel({ target, purpose: { kind: 'phase', phase, step }, signal });
    if (signal.aborted) {
      socket.destroy();
      throw signal.reason as Error;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  }
}
