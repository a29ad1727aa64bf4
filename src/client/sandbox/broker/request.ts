/** One request to the broker, over whatever way. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isRecord, parsedJson } from '../../../text/json.ts';
import { sandboxPath, type EnteredKey } from '../../../wire/sandbox/names.ts';
import type { SessionAnswer, SessionRequest } from '../../../wire/sandbox/session.ts';
import { answerOf, BrokerSaid, type Answer } from './answer.ts';
import type { Caller } from './caller.ts';
import type { Route } from './ways.ts';

/** A session token for a Sandbox or a Trial. Rejects with BrokerSaid, or with what kept the request from being answered. */
export async function askForSession(
  place: EnteredKey,
  { route, caller, signal }: { route: Route; caller: Caller; signal: AbortSignal },
): Promise<SessionAnswer> {
  const body: SessionRequest = { ...(caller.token !== undefined && { token: caller.token }) };
  const answer = await post(route, {
    path: sandboxPath(place, 'session'),
    body: JSON.stringify(body),
    signal,
  });
  const session = answer.status < 300 ? parsedJson(answer.body) : undefined;
  if (isSession(session)) return session;
  throw new BrokerSaid(answer);
}

const isSession = (value: unknown): value is SessionAnswer =>
  isRecord(value) &&
  ['token', 'expiresAt', 'uid'].every((field) => typeof value[field] === 'string') &&
  !Number.isNaN(Date.parse(value['expiresAt'] as string));

function post(
  { base, options }: Route,
  { path, body, signal }: { path: string; body: string; signal: AbortSignal },
): Promise<Answer> {
  const url = new URL(base + path);
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = send(url, { ...options, method: 'POST', signal }, (response) => {
    answerOf(response).then(resolve, reject);
  });
  request.setHeader('content-type', 'application/json');
  request.on('error', (error) => reject(signal.aborted ? signal.reason : error));
  request.end(body);
  return promise;
}
