/** An HTTP server on loopback that does what a test tells it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ScriptedServer {
  /** `http://127.0.0.1:PORT`. */
  base: string;
  /** Answers every request; set it in each test. */
  handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** What arrived since the test began. */
  seen: { method: string; url: string; authorization: string | undefined }[];
}

/** Starts the server before the tests of this `describe` and ends it after them. */
export function useScriptedServer(): ScriptedServer {
  const scripted: ScriptedServer = { base: '', handle: (_, response) => response.end(), seen: [] };
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    scripted.seen.push({ method, url, authorization: headers.authorization });
    scripted.handle(request, response);
  });
  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    scripted.base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => void (scripted.seen = []));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return scripted;
}
