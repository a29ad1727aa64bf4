/** Presigned requests of the memory store: who holds one may send exactly it, until it expires. */
import { createHash } from 'node:crypto';
import { PRESIGN_MAX_SECONDS, type PresignedRequest } from './port.ts';

/** What a holder of a presigned request sends. */
export interface SentRequest {
  method: 'GET' | 'PUT';
  url: string;
  headers: Record<string, string>;
  body?: Uint8Array;
}

export interface Answer {
  status: number;
  body: Uint8Array;
}

/** What the bucket holds. */
export interface Objects {
  get(key: string): Uint8Array | undefined;
  set(key: string, body: Uint8Array): void;
}

interface Terms {
  method: SentRequest['method'];
  key: string;
  headers: Record<string, string>;
}

const answer = (status: number, body: Uint8Array = new Uint8Array()): Answer => ({ status, body });

const sha256 = (body: Uint8Array): string => createHash('sha256').update(body).digest('base64');

const holds = (promised: Record<string, string>, sent: Record<string, string>): boolean =>
  Object.entries(promised).every(([name, value]) => sent[name] === value);

export class Grants {
  readonly #now: () => number;
  readonly #granted = new Map<string, Terms & { expires: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `base` is the object’s address. */
  issue(base: string, terms: Terms, seconds: number): PresignedRequest {
    const url = `${base}?X-Amz-Expires=${seconds}&X-Amz-Signature=${this.#granted.size + 1}`;
    const expires = this.#now() + Math.min(seconds, PRESIGN_MAX_SECONDS) * 1000;
    this.#granted.set(url, { ...terms, expires });
    return { url, headers: { ...terms.headers } };
  }

  /** Plays the bucket’s server: 200, 400 (other contents than promised), 403 (altered, expired or unknown) or 404. */
  redeem(request: SentRequest, objects: Objects): Answer {
    const terms = this.#granted.get(request.url);
    if (terms?.method !== request.method || this.#now() >= terms.expires) return answer(403);
    if (!holds(terms.headers, request.headers)) return answer(403);
    if (request.method === 'GET') {
      const stored = objects.get(terms.key);
      return stored ? answer(200, stored) : answer(404);
    }
    const body = request.body ?? new Uint8Array();
    const real = { 'content-length': String(body.length), 'x-amz-checksum-sha256': sha256(body) };
    if (!holds(real, terms.headers)) return answer(400);
    objects.set(terms.key, body);
    return answer(200);
  }
}
