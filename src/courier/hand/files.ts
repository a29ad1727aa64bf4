/** What is read of the container, by root's rights. It may be the agent's: everything has a bound. */
import type { Entry, Link, Looked } from '../../wire/hand/protocol.ts';
import { refusedAs } from './refusals.ts';
import type { Sbd } from './sbd/client.ts';

/** What cannot be read is as what is not there. */
export interface Files {
  /** Entries of a folder, at most `max`; none where there is no such folder. */
  list(folder: string, max: number): Promise<Entry[]>;
  /** Links below a folder, but what lies in folders of these names; `more`: there may be others. */
  links(folder: string, exclude: string[]): Promise<Looked & { links: Link[] }>;
  stat(path: string): Promise<Entry | undefined>;
  /** The first bytes of a plain file, at most `max`. */
  read(path: string, max: number): Promise<Buffer | undefined>;
}

/** `answer`: waits no longer than the hand does. */
export function filesOf(sbd: Sbd, answer: <T>(work: () => Promise<T>) => Promise<T>): Files {
  const contents = async (path: string, length: number): Promise<Buffer> =>
    Buffer.concat((await Array.fromAsync(sbd.readFile({ path, length }))) as Buffer[]);
  return {
    list: (path, max) => answer(() => sbd.list({ path, max }).catch(refusedAs([]))),
    links: (path, exclude) =>
      answer(() => sbd.links({ path, exclude }).catch(refusedAs({ links: [], more: true }))),
    stat: (path) => answer(() => sbd.stat({ path }).catch(refusedAs(undefined))),
    read: (path, max) => answer(() => contents(path, max).catch(refusedAs(undefined))),
  };
}
