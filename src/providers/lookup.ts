/**
 * Names of servers are asked for once by all who connect at the same time. Node keeps no answer and has four threads to ask with, and a
 * Pod's resolver sends a short name's question to the cluster's DNS with every suffix of its search list: where that is slow, thirty
 * connections that are opened together wait for one another, and time out.
 */
import type { LookupAddress } from 'node:dns';
import { lookup as resolveName } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';

/** As long as S3's own names are good for. */
const KEEP_MS = 5000;

type Ask = (
  hostname: string,
  options: { all: true; family: number; hints: number },
) => Promise<LookupAddress[]>;

/** A `lookup` for connections that keeps answers for `keepMs` milliseconds, and failures not at all. */
export function sharedLookup(ask: Ask = resolveName, keepMs = KEEP_MS): LookupFunction {
  const known = new Map<string, Promise<LookupAddress[]>>();
  const addressesOf = (hostname: string, family: number, hints: number): Promise<LookupAddress[]> => {
    const key = `${hostname} ${family} ${hints}`;
    const found = known.get(key);
    if (found) return found;
    const asked = ask(hostname, { all: true, family, hints });
    known.set(key, asked);
    const forget = (): boolean => known.delete(key);
    asked.then(() => setTimeout(forget, keepMs).unref(), forget);
    return asked;
  };
  return (hostname, { all = false, family = 0, hints = 0 }, callback) => {
    const tell = (addresses: LookupAddress[]): void =>
      all ? callback(null, addresses) : callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    addressesOf(hostname, Number(family), hints).then(tell, (error: NodeJS.ErrnoException) =>
      callback(error, ''),
    );
  };
}

/** This process's. */
export const lookup = sharedLookup();
