/** Pure: how courier and `sbd` prove to each other that they know the secret, without saying it. */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Nonces {
  sbd: string;
  courier: string;
}

/** HMAC-SHA-256 in hex over `<who> <sbd's nonce> <courier's nonce>`. Secret and nonces are 64 hex digits. */
export const proofOf = (who: 'sbd' | 'courier', secret: string, nonces: Nonces): string =>
  createHmac('sha256', Buffer.from(secret, 'hex'))
    .update(`${who} ${nonces.sbd} ${nonces.courier}`)
    .digest('hex');

export const isProof = (given: string, expected: string): boolean =>
  given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected));
