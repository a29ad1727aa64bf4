/** Plain HTTP through a tunnel: each request is read, written again from its parts, and alone on both connections. */
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { explain } from '../failure.ts';
import { endToEnd, onwardOf } from './heads.ts';
import type { Ways } from './phase-tunnels.ts';
import { reasonPhrase, refusalFor } from './refusal.ts';
import type { Refusal } from './refusal.ts';

/** Node says so by itself after `maxRequestsPerSocket`, and keeps the connection all the same. */
const LAST = ['connection', 'close'];
const HEAD_MAX_BYTES = 16 * 1024;

/** Answers a request with what the other end answers, or with why it cannot be asked. Never rejects. */
export async function passOn(request: IncomingMessage, response: ServerResponse, ways: Ways): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const onward = onwardOf(request);
  if ('problem' in onward) return refuse(response, { status: 400, sentence: onward.problem });
  let tunnel: Socket;
  try {
    tunnel = await ways.open(onward.target, gone.signal);
  } catch (error) {
    return refuse(response, refusalFor(error));
  }
  const { method } = request;
  const { path, headers } = onward;
  try {
    const outgoing = httpRequest({
      method,
      path,
      headers,
      createConnection: () => tunnel,
      maxHeaderSize: HEAD_MAX_BYTES,
    });
    await exchange({ request, outgoing, response });
  } catch (error) {
    if (response.headersSent) response.destroy();
    else refuse(response, { status: 502, sentence: `the other end does not answer: ${explain(error)}` });
  } finally {
    tunnel.destroy();
  }
}

interface Exchange {
  request: IncomingMessage;
  outgoing: ClientRequest;
  response: ServerResponse;
}

async function exchange({ request, outgoing, response }: Exchange): Promise<void> {
  const answered = answerTo(outgoing);
  // Who answers before the body has ended may leave the rest unread.
  pipeline(request, outgoing).catch(() => {});
  const answer = await answered;
  response.sendDate = false;
  const headers = [...endToEnd(answer.rawHeaders), ...LAST];
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers);
  await pipeline(answer, response);
}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.once('response', resolve);
    // Nobody asked for another protocol.
    outgoing.once('upgrade', (_answer, socket) => socket.destroy());
    outgoing.once('close', () => reject(new Error('it ended the connection')));
  });
}

function refuse(response: ServerResponse, { status, sentence }: Refusal): void {
  const body = `${sentence}\n`;
  response.writeHead(status, reasonPhrase(sentence), {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}
