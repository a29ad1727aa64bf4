import { apiError, type ApiError } from '../errors.ts';
import { BrokenStream } from '../http/lines.ts';
import { parsedObject } from '../http/writers.ts';
import type { KubeObject } from '../types.ts';

interface ObjectLine<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

interface ErrorLine {
  type: 'ERROR';
  object: { code?: number };
}

/** The bookmark that ends the initial events of a streamed list (KEP-3157). */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** One line of a watch. Throws `ApiError` for a failure the server reports in the stream, `BrokenStream` for no JSON. */
export function parseLine<T>(line: string, path: string): ObjectLine<T> {
  let event: ObjectLine<T> | ErrorLine;
  try {
    event = parsedObject(line) as ObjectLine<T> | ErrorLine;
  } catch (error) {
    throw new BrokenStream(
      `a line that is no JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (event.type === 'ERROR') throw inStreamError(event, path);
  return event;
}

function inStreamError({ object }: ErrorLine, path: string): ApiError {
  return apiError({
    status: object.code ?? 500,
    body: JSON.stringify(object),
    request: `watch ${path}`,
    now: 0,
  });
}

/** Whether this bookmark says that all objects of a streamed list were sent. */
export function endsInitialEvents({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[INITIAL_EVENTS_END] === 'true';
}
