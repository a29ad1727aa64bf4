/** A WebSocket to the broker as a connection of the link. */
import type { RequestOptions } from 'node:https';
import WebSocket from 'ws';
import { CLOSINGS, closingOf } from '../../../wire/sandbox/closings.ts';
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from '../../../wire/sandbox/names.ts';
import type { Closed, Socket, SocketEvents } from '../connection/socket.ts';
import { answerOf, BrokerSaid } from './answer.ts';

const HANDSHAKE_MS = 10_000;
/** A message is one frame at most; more would be none of ours. */
const MESSAGE_MAX = 1024 * 1024;
/**
 * Masks keep what a web page sends from looking like another protocol to a proxy that reads along. Here TLS keeps everybody from reading along, and
 * no page chooses the bytes; a mask of zeros changes none, so that neither end has to touch each.
 */
const noMask = (mask: Buffer): void => void mask.fill(0);

interface Opening {
  url: URL;
  /** TLS, headers of the way, and what makes its connection. */
  request: RequestOptions;
  token: string;
  /** Of the token: milliseconds since the epoch. */
  expiresAt: number;
}

/** Opens it. Rejects with BrokerSaid where the broker, or who stands before it, answers otherwise. */
export function openWebSocket(opening: Opening, signal: AbortSignal): Promise<Socket> {
  const { url, request, token, expiresAt } = opening;
  const socket = new WebSocket(url, [SUBPROTOCOL, TOKEN_SUBPROTOCOL + token], {
    ...request,
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_MS,
    maxPayload: MESSAGE_MAX,
    generateMask: noMask,
  });
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const giveUp = (): void => socket.terminate();
  signal.addEventListener('abort', giveUp, { once: true });
  socket.on('unexpected-response', (_request, response) => {
    answerOf(response)
      .then((answer) => reject(new BrokerSaid(answer)), reject)
      .finally(() => socket.terminate());
  });
  socket.on('error', (error) => reject(signal.aborted ? signal.reason : error));
  socket.once('open', () => resolve(linked(socket, expiresAt)));
  return promise.finally(() => signal.removeEventListener('abort', giveUp));
}

/** What arrives before somebody listens waits. */
function linked(socket: WebSocket, expiresAt: number): Socket {
  const early: Buffer[] = [];
  let closed: Closed | undefined;
  let events: SocketEvents = {
    onBytes: (chunk) => void early.push(chunk),
    onClosed: (given) => (closed = given),
  };
  socket.on('message', (data) => events.onBytes(bytesOf(data)));
  socket.on('close', (code, reason) => events.onClosed(closedBy(code, reason.toString())));
  return {
    expiresAt,
    listen(listener) {
      events = listener;
      for (const chunk of early.splice(0)) listener.onBytes(chunk);
      if (closed) listener.onClosed(closed);
    },
    send: (frame) => socket.send(frame, () => {}),
    // A closing handshake with somebody who is gone would take half a minute.
    close: () => socket.terminate(),
  };
}

function bytesOf(data: WebSocket.RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

function closedBy(code: number, text: string): Closed {
  const reason = closingOf(code);
  if (reason) return { after: CLOSINGS[reason].after, why: CLOSINGS[reason].means };
  return { after: 'retry', why: `the connection was closed with ${code}${text === '' ? '' : `: ${text}`}` };
}
