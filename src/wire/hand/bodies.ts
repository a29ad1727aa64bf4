/** The frames whose payload is JSON: read strictly, without a library, because the courier loads none for it. */
import { isRecord, parsedJson } from '../../text/json.ts';
import { REASONS } from './protocol.ts';
import type { Exit, Failure, Hello, Notice, Proof, Started, Welcome } from './protocol.ts';

/** Bytes that are no frame of the protocol. The connection that brought them ends. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame';
}

export interface Bodies {
  hello: Hello;
  welcome: Welcome;
  proof: Proof;
  started: Started;
  exit: Exit;
  error: Failure;
  notice: Notice;
  /** What it holds hangs on the request. */
  result: Record<string, unknown>;
}

export type Check = (value: unknown) => boolean;
export const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const flag: Check = (value) => typeof value === 'boolean';
export const text: Check = (value) => typeof value === 'string';
const hex: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
export const oneOf =
  (...values: string[]): Check =>
  (value) =>
    typeof value === 'string' && values.includes(value);
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const identity = { uid: count, gid: count, home: text };
const version = { major: count, minor: count };

const SHAPES: Record<keyof Bodies, Record<string, Check>> = {
  hello: { ...version, version: text, nonce: hex, knows: flag },
  welcome: { ...version, nonce: hex, secret: optional(hex), proof: optional(hex), courierUid: count },
  proof: { proof: hex },
  started: { ...identity, pid: count, input: count, output: count, error: count },
  exit: {
    code: optional(count),
    signal: optional(count),
    timedOut: flag,
    oomKills: count,
    output: count,
    error: count,
  },
  error: { reason: oneOf(...Object.keys(REASONS)), message: text },
  notice: { event: oneOf('stopping') },
  result: {},
};

/** The body of a frame. Fields that are not known are left to the versions that know them. Throws BadFrame. */
export function readBody<T extends keyof Bodies>(type: T, payload: Uint8Array): Bodies[T] {
  const body = parsedJson(new TextDecoder().decode(payload));
  if (!isRecord(body)) throw new BadFrame(`a frame ${type} is no object`);
  for (const [field, check] of Object.entries(SHAPES[type]))
    if (!check(body[field])) throw new BadFrame(`a frame ${type} has no proper ${field}`);
  return body as unknown as Bodies[T];
}
