import type { ServerResponse } from 'node:http';
import type { Fault } from './faults.ts';
import { Refusal, type Collection, type Recorded, type Stored } from './objects.ts';
import type { Selects } from './selectors.ts';

export interface WatchRequest {
  collection: Collection;
  selects: Selects;
  query: URLSearchParams;
  response: ServerResponse;
  fault: Extract<Fault, { kind: 'watch' }> | undefined;
  /** Newest version of the server. */
  version: () => number;
  /** Oldest version from which a watch can start. */
  compacted: number;
  streamedLists: boolean | 'ignored';
  bookmarkMs: number | undefined;
}

type Write = (type: string, object: unknown) => void;

/** A selector turns changes into additions and removals for those who watch through it. */
function asSeen(change: Recorded, selects: Selects): Recorded['type'] | undefined {
  const now = change.type !== 'DELETED' && selects(change.object);
  const before = change.before !== undefined && selects(change.before);
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

function bookmark(version: number, annotations?: Record<string, string>): Stored {
  const metadata = { name: '', resourceVersion: String(version), ...(annotations && { annotations }) };
  return { apiVersion: 'v1', kind: 'Bookmark', metadata };
}

/** Ends a watch as the fault says; false when it stays open, silent. */
function breakOff({ response, fault }: WatchRequest): void {
  switch (fault?.how) {
    case 'end':
      response.end();
      break;
    case 'drop':
      response.destroy();
      break;
    case 'truncate':
      response.end('{"type":"MODIFIED","object":{"apiVersion":"v1","ki');
      break;
    case 'garbage':
      response.write('{"type":"MODIFIED","object":{{{\n');
      break;
    case 'gone':
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`,
      );
      break;
    default:
  }
}

/** Writes lines until the fault says otherwise. */
function lineWriter(request: WatchRequest): Write {
  const { response, fault } = request;
  let lines = 0;
  let broken = false;
  const breakIfDue = (): void => {
    if (broken || fault === undefined || lines < fault.afterLines) return;
    broken = true;
    breakOff(request);
  };
  breakIfDue();
  return (type, object) => {
    if (broken || response.destroyed) return;
    response.write(`${JSON.stringify({ type, object })}\n`);
    lines += 1;
    breakIfDue();
  };
}

function sendInitial({ collection, selects, version, streamedLists }: WatchRequest, write: Write): void {
  for (const object of collection.objects.values()) if (selects(object)) write('ADDED', object);
  if (streamedLists === true) write('BOOKMARK', bookmark(version(), { 'k8s.io/initial-events-end': 'true' }));
}

function sendSince({ collection, selects }: WatchRequest, from: number, write: Write): void {
  for (const change of collection.log) {
    const type = change.version > from ? asSeen(change, selects) : undefined;
    if (type) write(type, change.object);
  }
}

/** Serves one watch, until the client goes or a fault ends it. */
export function serveWatch(request: WatchRequest): void {
  const { collection, selects, query, response, version, bookmarkMs } = request;
  const streamed = query.get('sendInitialEvents') === 'true';
  if (streamed && request.streamedLists === false) throw new Refusal(422, 'Invalid');
  const from = Number(query.get('resourceVersion') ?? 0);
  if (!streamed && from < request.compacted) throw new Refusal(410, 'Expired');
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const write = lineWriter(request);
  if (streamed || from === 0) sendInitial(request, write);
  else sendSince(request, from, write);
  const watcher = (change: Recorded): void => {
    const type = asSeen(change, selects);
    if (type) write(type, change.object);
  };
  collection.watchers.add(watcher);
  const timer = bookmarkMs && setInterval(() => write('BOOKMARK', bookmark(version())), bookmarkMs);
  response.on('close', () => {
    collection.watchers.delete(watcher);
    clearInterval(timer);
  });
}
