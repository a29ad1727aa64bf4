/** What a client of the proxy is told where nothing goes on. */
import { explain } from '../failure.ts';
import { TunnelRefused } from './tunnel.ts';

export interface Refusal {
  status: number;
  /** Why, in one sentence. */
  sentence: string;
}

/** Of the broker's, those that mean the same of the client. */
const PASSED_ON = new Set([403, 429, 504]);

export function refusalFor(error: unknown): Refusal {
  if (!(error instanceof TunnelRefused))
    return { status: 502, sentence: `the broker cannot be reached: ${explain(error)}` };
  const { status, message: sentence } = error;
  return { status: PASSED_ON.has(status) ? status : 502, sentence };
}

/** A sentence as a reason phrase: in ASCII, on one line. Many clients show nothing else of a refused CONNECT. */
export const reasonPhrase = (sentence: string): string =>
  sentence
    .replace(/[’‘]/g, "'")
    .replace(/[^\u0021-\u007e]+/g, ' ')
    .slice(0, 300);
