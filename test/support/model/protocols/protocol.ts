/** What a protocol has to know; one file each implements it. */
import type { ModelRequest, Reply } from '../conversation.ts';
import type { FailureName } from '../script.ts';

/** A request's body after parsing; nothing about it is known. */
export type Body = Record<string, unknown>;

/** What a path asks for. Gemini writes the model and whether to stream into it, so they win over the body's. */
export interface Route {
  does: 'generate' | 'count';
  model?: string;
  stream?: boolean;
}

/** A refused request as it goes out. */
export interface Failure {
  status: number;
  body: Body;
  headers?: Record<string, string>;
}

export interface Protocol {
  name: 'anthropic' | 'responses' | 'chat' | 'gemini';
  /** Undefined if the path is not one of this protocol. */
  route(path: string): Route | undefined;
  read(body: Body, route: Route): ModelRequest;
  /** The reply as one JSON document. */
  answer(reply: Reply, request: ModelRequest): Body;
  /** The reply as frames of an event stream. */
  frames(reply: Reply, request: ModelRequest): string[];
  failure(name: FailureName, retryAfter?: number): Failure;
  /** What a stream holds that began well and then fails. */
  failedFrames(name: FailureName, request: ModelRequest): string[];
  /** Answer to a request that only counts the tokens of its input, if the protocol has such requests. */
  count?(tokens: number): Body;
  models(names: readonly string[]): Body;
}

/** An event of a stream: the name, if the protocol names its events, and one JSON document. */
export const frame = (data: unknown, event?: string): string =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;

/** Cuts text into the pieces in which a stream brings it: never more than three, and none for no text. */
export function pieces(text: string): string[] {
  const size = Math.max(1, Math.ceil(text.length / 3));
  return [0, 1, 2].map((part) => text.slice(part * size, (part + 1) * size)).filter((piece) => piece !== '');
}

/** A list that a body should hold; what is not one counts as empty. */
export const listIn = (body: Body, field: string): Body[] => {
  const value = body[field];
  return Array.isArray(value) ? value.filter((entry) => entry !== null && typeof entry === 'object') : [];
};

/** An object that a body should hold; what is none counts as empty. */
export const objectIn = (body: Body, ...fields: string[]): Body => {
  let value: unknown = body;
  for (const field of fields) value = (value as Body | undefined)?.[field];
  return value !== null && typeof value === 'object' ? (value as Body) : {};
};

/** The `retry-after` header, if there is something to say. */
export const retryAfterHeader = (seconds: number | undefined): Record<string, string> =>
  seconds === undefined ? {} : { 'retry-after': String(seconds) };

/** Seconds since 1970; a fixed moment, so that replies can be compared. */
export const created = 1_764_000_000;
