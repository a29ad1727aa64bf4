/**
 * The log of a task container is one; agent and verifier follow each other in it. Where one ends and the other begins is in the courier's
 * timeline: both are stamped by the same kubelet or on the same node.
 */
import type { LogPhase } from './parts.ts';

/** The courier's line at the beginning of the verifier's phase, after the kubelet's time and its own. */
const VERIFIER_BEGAN = /^(\S+) \S+ verifier began$/;

/** When the verifier began, in milliseconds since the epoch, where this line of the courier's log (with timestamps) says so. */
export function verifierBegan(courierLine: string): number | undefined {
  const stamp = VERIFIER_BEGAN.exec(courierLine)?.[1];
  return stamp === undefined ? undefined : Date.parse(stamp);
}

export interface Boundary {
  /** Milliseconds since the epoch; undefined while the verifier has not begun. */
  at: number | undefined;
}

export interface PhaseLines {
  phase: Exclude<LogPhase, 'build'>;
  /** May become known while lines arrive. */
  boundary: Readonly<Boundary>;
  /** Resolves when the boundary is known, if it lies before this time (milliseconds since the epoch). */
  whenKnown: (at: number) => Promise<void>;
}

/** Lines of that phase, without their timestamps. */
export async function* phaseLines(
  lines: AsyncIterable<string>,
  { phase, boundary, whenKnown }: PhaseLines,
): AsyncGenerator<string> {
  for await (const line of lines) {
    const [stamp = '', ...rest] = line.split(' ');
    if (boundary.at === undefined) await whenKnown(Date.parse(stamp));
    const isVerifiers = boundary.at !== undefined && Date.parse(stamp) >= boundary.at;
    if (isVerifiers && phase === 'agent') return;
    if (isVerifiers === (phase === 'verifier')) yield rest.join(' ');
  }
}
