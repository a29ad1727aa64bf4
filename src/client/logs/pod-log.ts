/** Logs of containers, through the API server. */
import { ApiError, isNotFound } from '../../kube/errors.ts';
import { objectPath, queryString } from '../../kube/http/paths.ts';
import { Pod } from '../../kube/kinds.ts';
import type { Session } from '../session/types.ts';
import { rawLines } from './lines.ts';

export interface PodLogRequest {
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
