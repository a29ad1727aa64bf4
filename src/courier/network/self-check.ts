/** Whether the cluster enforces the policies of this Pod's network: they close a port of the broker's that is open to everyone else. */
import { connect, isIP } from 'node:net';
import { sleep, systemClock } from '../../async/clock.ts';
import { lookup } from '../../providers/lookup.ts';

export interface Probe {
  host: string;
  port: number;
}

/** What is known, and when it is known for good. */
export interface SelfCheck {
  /** Resolves true once the port is closed, false where it stayed open all the time. Never rejects. */
  settled: Promise<boolean>;
  /** So far; false where the port was still open when it was last tried. */
  enforced(): boolean;
  /** Tries no more. */
  stop(): void;
}

/** What a policy closes gives no answer at all. */
const ANSWER_MS = 500;
/** One packet that is lost looks the same, three do not. */
const AT_ONCE = 3;
/** A policy engine needs a moment for a Pod that is new. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 250;

/** Tries from now on. */
export function selfCheck(probe: Probe, patienceMs = PATIENCE_MS): SelfCheck {
  const stopped = new AbortController();
  const until = performance.now() + patienceMs;
  let enforced = false;
  const settle = async (): Promise<boolean> => {
    for (;;) {
      enforced = await isClosed(probe, stopped.signal);
      if (enforced || stopped.signal.aborted || performance.now() > until) return enforced;
      await sleep(systemClock, PAUSE_MS, stopped.signal);
    }
  };
  return { settled: settle(), enforced: () => enforced, stop: () => stopped.abort() };
}

async function isClosed(probe: Probe, stop: AbortSignal): Promise<boolean> {
  const tries = Array.from({ length: AT_ONCE }, () => answers(probe, stop));
  return (await Promise.all(tries)).every((answered) => !answered);
}

/** Whether a connection comes to be; true as well where that cannot be known, because the trying was stopped or nobody knows the name. */
function answers({ host, port }: Probe, stop: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, lookup });
  let late: NodeJS.Timeout | undefined;
  const wait = (): void => void (late = setTimeout(() => resolve(false), ANSWER_MS));
  const leave = (): void => resolve(true);
  if (isIP(host)) wait();
  else socket.once('lookup', wait);
  stop.addEventListener('abort', leave, { once: true });
  socket.once('connect', () => resolve(true));
  socket.once('error', ({ syscall }: NodeJS.ErrnoException) => resolve(syscall === 'getaddrinfo'));
  return promise.finally(() => {
    clearTimeout(late);
    socket.destroy();
    stop.removeEventListener('abort', leave);
  });
}
