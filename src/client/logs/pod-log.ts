/** Logs of containers, through the API server, and the part of a phase in them. */
import { ApiError, isNotFound } from '../../kube/errors.ts';
import { objectPath, queryString } from '../../kube/http/paths.ts';
import { Pod } from '../../kube/kinds.ts';
import type { Session } from '../session/types.ts';
import { rawLines } from './lines.ts';
import type { LogPhase } from './parts.ts';

interface PodLogRequest {
  pod: string;
  container: string;
  /** Goes on until the container ends. */
  follow?: boolean;
  tail?: number;
  /** Every line begins with its RFC 3339 time and a space. */
  timestamps?: boolean;
  signal: AbortSignal;
}

/** Opens the log of a container; undefined where Pod, container or log are not (yet, any more) there. */
export type PodLog = (request: PodLogRequest) => Promise<AsyncIterable<string> | undefined>;

const HEADERS_MS = 30_000;

/** Pod logs of the session's namespace. A stream that breaks off is the log's end: the kubelet tells no reason. */
export const podLogOf =
  ({ kubeParts, namespace }: Pick<Session, 'kubeParts' | 'namespace'>): PodLog =>
  async ({ pod, container, follow, tail, timestamps, signal }) => {
    const query = queryString({ container, follow, tailLines: tail, timestamps });
    const path = `${objectPath(Pod, { namespace, name: pod })}/log${query}`;
    try {
      const body = await kubeParts.transport.stream({ path, signal, headersTimeoutMs: HEADERS_MS });
      return rawLines(untilBroken(body as AsyncIterable<Uint8Array>, signal));
    } catch (error) {
      // 400: the container waits for its start, or has none of that name.
      if (isNotFound(error) || (error instanceof ApiError && error.status === 400)) return undefined;
      throw error;
    }
  };

async function* untilBroken(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    signal.throwIfAborted();
  }
}

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

interface PhaseLines {
  phase: Exclude<LogPhase, 'build'>;
  /** May become known while lines arrive. */
  boundary: Readonly<Boundary>;
  /** Resolves when the boundary is known, if it lies before this time (milliseconds since the epoch). */
  whenKnown: (at: number) => Promise<void>;
}

/**
 * Lines of that phase, without their timestamps. The log of a task container is one; agent and verifier follow each other in it. Where one
 * ends and the other begins is in the courier's timeline: both are stamped by the same kubelet or on the same node.
 */
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
