/** One call on its way to the provider, and its answer on the way back: bytes as they come, no faster than either side takes them. */
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StorageAgents } from '../broker/http.ts';
import { explain } from '../failure.ts';
import { AnswerReader, type AnswerRead } from './answer.ts';
import { BodyRefused, CallBody, grownBy, type BodyOptions } from './body.ts';
import { sentHeaders, shownHeaders } from './heads.ts';
import type { CallEnd } from './trouble.ts';
import type { TokenCounts } from '../../crds/model-prices.ts';
import { WithoutUsageChunk } from './usage-chunk.ts';

/** From the beginning of a call until its body is there. */
const BODY_MS = 120_000;
/** Silence of the provider: a model may think for minutes before its first word. */
const SILENCE_MS = 15 * 60_000;
const HEAD_MAX_BYTES = 64 * 1024;

export interface Call extends BodyOptions {
  request: IncomingMessage;
  response: ServerResponse;
  /** Path and query at the provider. */
  url: URL;
  headers: string[];
  agents: StorageAgents;
  /** Aborted when the agent has left, or may not call any more. */
  gone: AbortSignal;
  /** Takes the key out of what is shown to the agent. */
  clean?: (() => Transform) | undefined;
}

/** What came of a call. Missing end: the agent left. Missing tokens: nothing that counts. */
export interface Called {
  model: string;
  tokens?: TokenCounts;
  end?: CallEnd;
}

/** Resolves at its end. Rejects with BodyRefused before anything was answered; what else goes wrong is in the end. */
export async function forward(call: Call): Promise<Called> {
  const { request, route, gone } = call;
  const body = route.does === 'list' ? undefined : new CallBody(call);
  const outgoing = open(call);
  const late = setTimeout(() => request.destroy(), BODY_MS);
  const abort = (): unknown => outgoing.destroy();
  gone.addEventListener('abort', abort, { once: true });
  try {
    const answered = answerTo(outgoing);
    const sent = body ? pipeline(request, body, outgoing) : void outgoing.end();
    // Who answers before the body has ended may leave the rest unread; what we refuse ourselves comes first.
    const refused = Promise.resolve(sent).then(
      () => new Promise<never>(() => {}),
      (error: unknown) =>
        error instanceof BodyRefused ? Promise.reject(error) : new Promise<never>(() => {}),
    );
    const answer = await Promise.race([answered, refused]);
    return { model: body?.model ?? '', ...(await passBack(answer, call, body)) };
  } catch (error) {
    outgoing.destroy();
    if (error instanceof BodyRefused) throw error;
    return { model: body?.model ?? '', ...unanswered(error, call, body) };
  } finally {
    clearTimeout(late);
    gone.removeEventListener('abort', abort);
  }
}

function open({ request, route, url, headers, agents }: Call): ClientRequest {
  const secure = url.protocol === 'https:';
  const length = request.headers['content-length'];
  const isBodiless = route.does === 'list';
  const framing =
    length === undefined
      ? ['transfer-encoding', 'chunked']
      : ['content-length', String(Number(length) + grownBy(route))];
  const outgoing = (secure ? httpsRequest : httpRequest)(url, {
    method: request.method ?? 'GET',
    headers: ['host', url.host, ...sentHeaders(headers), ...(isBodiless ? [] : framing)],
    agent: secure ? agents.https : agents.http,
    maxHeaderSize: HEAD_MAX_BYTES,
    timeout: SILENCE_MS,
  });
  outgoing.on('timeout', () => outgoing.destroy(new Stalled(`no byte for ${SILENCE_MS / 60_000} minutes`)));
  return outgoing;
}

class Stalled extends Error {}

function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.on('error', reject);
  outgoing.once('response', resolve);
  outgoing.once('upgrade', (_answer, socket) => socket.destroy());
  outgoing.once('close', () => reject(new Error('the connection was ended')));
  promise.catch(() => {});
  return promise;
}

type Seen = Pick<Called, 'tokens' | 'end'>;

async function passBack(answer: IncomingMessage, call: Call, body: CallBody | undefined): Promise<Seen> {
  const { response, route, clean, gone } = call;
  const { statusCode: status = 0, headers } = answer;
  // Where it leads is not followed, nor told: it would be asked with the token.
  if (isRedirection(status)) {
    answer.destroy();
    return { end: { kind: 'unreachable', why: `its address answered with a redirection (${status})` } };
  }
  const reader = new AnswerReader(route.protocol, headers['content-type']);
  answer.on('data', (bytes: Buffer) => reader.feed(bytes));
  response.sendDate = false;
  response.writeHead(status, shownHeaders(answer.rawHeaders, status)).flushHeaders();
  const through = [...(clean ? [clean()] : []), ...(body?.asksForUsage ? [new WithoutUsageChunk()] : [])];
  let broken: CallEnd | undefined;
  // Whoever goes first takes the other side along.
  answer.once('error', (error) => {
    if (!gone.aborted) broken = brokenBy(error);
  });
  await pipeline([answer, ...through, response]).catch(() => {});
  return seenIn(reader.read(body?.bytes ?? 0), { status, call, broken });
}

const isRedirection = (status: number): boolean => status >= 300 && status < 400;

function seenIn(
  { tokens, error: word }: AnswerRead,
  { status, call, broken }: { status: number; call: Call; broken: CallEnd | undefined },
): Seen {
  const isGood = status < 300;
  const counted = isGood && call.route.does === 'generate' ? { tokens } : {};
  if (call.gone.aborted && !broken) return counted;
  const end: CallEnd =
    isGood && word === undefined ? { kind: 'answered' } : { kind: 'refused', status, word };
  return { ...counted, end: broken ?? end };
}

const brokenBy = (error: unknown): CallEnd =>
  error instanceof Stalled
    ? { kind: 'stalled', why: `its answer did not go on: ${error.message}` }
    : { kind: 'cut', why: `its answer was cut off: ${explain(error)}` };

/** What an agent asks and does not wait for is not free. */
function unanswered(error: unknown, { gone, route }: Call, body: CallBody | undefined): Seen {
  if (!gone.aborted)
    return { end: { kind: 'unreachable', why: `its provider did not answer: ${explain(error)}` } };
  const isWhole = body !== undefined && body.model !== '' && route.does === 'generate';
  return isWhole ? { tokens: new AnswerReader(route.protocol).read(body.bytes).tokens } : {};
}
