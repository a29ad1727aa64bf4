/** What a mortal process sees of an HTTP service: it dies at a request as it dies at any other effect. */
import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Life } from './mortal.ts';

interface Message {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Headers stay as they are, for they are signed. */
async function send(target: string, { method, path, headers, body }: Message): Promise<Answer> {
  const outgoing = request(new URL(path, target), { method, headers, agent: false });
  outgoing.end(body);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
}

/** Stands before `target` for one life; each request is an effect. After the death nothing is answered. */
export async function mortalFront(
  life: Pick<Life, 'view'>,
  target: string,
): Promise<{ url: string; close: () => Promise<void> }> {
  const seen = life.view({ send: (message: Message) => send(target, message) }, () => true);
  const server = createServer((incoming, response) => {
    const { method = '', url: path = '', headers } = incoming;
    void buffer(incoming)
      .then((body) => seen.send({ method, path, headers, body }))
      .then((answer) => response.writeHead(answer.status, answer.headers).end(answer.body))
      // As a connection that breaks.
      .catch(() => response.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
