/** A front before an S3 server that misbehaves on demand. */
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `refuse`: 503; `cut`: the connection breaks in the middle of the answer; `slow`: the answer comes in drops. */
export type StoreFault = 'refuse' | 'cut' | 'slow';

export interface StoreFront {
  url: string;
  /** `GET /bucket/key` and the like, in their order. */
  requests: string[];
  /** What becomes of the request; default: nothing. */
  fault: (request: string) => StoreFault | undefined;
  stop(): Promise<void>;
}

export async function startStoreFront(address: string): Promise<StoreFront> {
  const front: StoreFront = { url: '', requests: [], fault: () => undefined, stop: async () => {} };
  const server = createServer((incoming, answer) => {
    const line = `${incoming.method} ${decodeURIComponent(new URL(incoming.url ?? '/', 'http://x').pathname)}`;
    front.requests.push(line);
    const fault = front.fault(line);
    if (fault === 'refuse') return void answer.writeHead(503).end();
    return forward(address, incoming, { answer, fault });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  front.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  front.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return front;
}

function forward(
  address: string,
  incoming: IncomingMessage,
  { answer, fault }: { answer: ServerResponse; fault: StoreFault | undefined },
): void {
  const { method, url, headers } = incoming;
  const [host, port] = address.split(':');
  const onward = request({ host, port, method, path: url, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    if (fault === undefined) response.pipe(answer);
    else response.once('data', (chunk: Buffer) => drop(chunk, { answer, response, fault }));
  });
  onward.on('error', () => answer.destroy());
  incoming.pipe(onward);
}

function drop(
  chunk: Buffer,
  { answer, response, fault }: { answer: ServerResponse; response: IncomingMessage; fault: StoreFault },
): void {
  response.pause();
  answer.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => {
    if (fault === 'cut') answer.destroy();
  });
  answer.on('close', () => response.destroy());
}
