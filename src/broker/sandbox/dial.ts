/** The broker's connection to the courier in a Pod that is entered: TLS 1.3, each side with a certificate of the broker's CA. */
import { connect, type TLSSocket } from 'node:tls';
import { sleep, type Clock } from '../../async/clock.ts';
import { courierName, SANDBOX_PORT, TRIAL_ENTRY_PORT, type Entered } from '../../wire/sandbox/names.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import type { TlsMaterial } from '../tls/material.ts';
import type { Target } from './target.ts';

export type Ports = Record<Entered, number>;

export const COURIER_PORTS: Ports = { sandboxes: SANDBOX_PORT, trials: TRIAL_ENTRY_PORT };

export interface DialDeps {
  material: () => TlsMaterial;
  /** Where couriers listen. */
  ports: Ports;
  clock: Clock;
  /** For all tries together, in milliseconds. */
  dialMs: number;
}

/** A courier that begins to run, or was taken from a pool, listens a moment later; pauses double. */
const FIRST_PAUSE_MS = 20;
const PAUSE_MAX_MS = 200;
const TRY_MS = 5000;
const KEEP_ALIVE_MS = 15_000;

/** What may be otherwise in a moment; a wrong certificate stays wrong. */
const PASSING = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EPIPE']);

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'no answer';

/** Resolves a connection to the very courier of that Sandbox or Trial and Pod, and nobody else. Rejects with a `code`. */
function connected(target: Target, { material, ports }: DialDeps): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const name = courierName(target);
  const socket = connect({
    ...material(),
    host: target.podIP,
    port: ports[target.resource ?? 'sandboxes'],
    servername: name,
    minVersion: 'TLSv1.3',
    // One name, to the letter: no wildcard, and no certificate with others beside it.
    checkServerIdentity: (_host, { subjectaltname }) =>
      subjectaltname === `DNS:${name}`
        ? undefined
        : Object.assign(new Error('not that courier'), { code: 'OtherCourier' }),
  });
  const late = (): unknown => socket.destroy(Object.assign(new Error('late'), { code: 'ETIMEDOUT' }));
  const timer = setTimeout(late, TRY_MS);
  socket.once('secureConnect', () => resolve(socket));
  socket.once('error', reject);
  socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  socket.setNoDelay().setKeepAlive(true, KEEP_ALIVE_MS);
  return promise.finally(() => {
    clearTimeout(timer);
    socket.off('error', reject);
    socket.on('error', () => undefined);
  });
}

function unreachable(error: unknown): Refused {
  const code = codeOf(error);
  const what = `the courier in the Pod did not answer: ${code}`;
  return code === 'ETIMEDOUT' ? refused(504, 'NoAnswer', what) : refused(502, 'Unreachable', what);
}

/** Tries again while the courier is only starting. */
export async function dialCourier(
  target: Target,
  deps: DialDeps,
  signal: AbortSignal,
): Promise<TLSSocket | Refused> {
  const until = deps.clock.monotonic() + deps.dialMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, PAUSE_MAX_MS)) {
    try {
      return await connected(target, deps);
    } catch (error) {
      const isLast = deps.clock.monotonic() + pause >= until;
      if (isLast || signal.aborted || !PASSING.has(codeOf(error))) return unreachable(error);
      await sleep(deps.clock, pause, signal);
    }
  }
}
