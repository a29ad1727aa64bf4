/** Pure: what run.sh writes into /sb/report. */

/** One line: an answer to an order, or something that the first process says by itself. */
export type Report =
  | { kind: 'hello' }
  | { kind: 'stopping' }
  | { kind: 'done'; sequence: number; token: string; code: number; oomKills: number; numbers: number[] }
  | { kind: 'refused'; sequence: number; token: string; refusal: Refusal }
  /** Somebody killed the server that had the order; the one that answers knows nothing of it. */
  | { kind: 'lost'; sequence: number; token: string };

/** What kept a command from starting: there is no such directory, user or interpreter, or the user is the courier’s own. */
export type Refusal = 'workdir' | 'user' | 'interpreter' | 'courier';

const DONE = /^(\d{1,9}) ([0-9a-f]{24}) done (\d{1,3}) (\d{1,9})((?: \d{1,10})*)$/;
const REFUSED = /^(\d{1,9}) ([0-9a-f]{24}) refused (workdir|user|interpreter|courier)$/;
const LOST = /^(\d{1,9}) ([0-9a-f]{24}) lost$/;

/** A line's meaning; undefined for what run.sh would never write. */
export function parseReport(line: string): Report | undefined {
  if (line === '0 - hello') return { kind: 'hello' };
  if (line === '0 - stopping') return { kind: 'stopping' };
  return doneOf(line) ?? refusedOf(line) ?? lostOf(line);
}

function doneOf(line: string): Report | undefined {
  const [, sequence, token, code, oomKills, numbers] = DONE.exec(line) ?? [];
  if (token === undefined) return undefined;
  return {
    kind: 'done',
    sequence: Number(sequence),
    token,
    code: Number(code),
    oomKills: Number(oomKills),
    numbers: (numbers ?? '').split(' ').filter(Boolean).map(Number),
  };
}

function refusedOf(line: string): Report | undefined {
  const [, sequence, token, refusal] = REFUSED.exec(line) ?? [];
  if (token === undefined) return undefined;
  return { kind: 'refused', sequence: Number(sequence), token, refusal: refusal as Refusal };
}

function lostOf(line: string): Report | undefined {
  const [, sequence, token] = LOST.exec(line) ?? [];
  return token === undefined ? undefined : { kind: 'lost', sequence: Number(sequence), token };
}

/** Longer than any line of run.sh. */
const LINE_MAX = 16_384;

/** Cuts a stream into lines. A line beyond the limit comes out cut, and the rest of it is dropped. */
export function lineSplitter(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  let overflowing = false;
  const take = (text: string): void => {
    if (!overflowing) onLine(text);
    overflowing = false;
  };
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
    if (rest.length <= LINE_MAX) return;
    if (!overflowing) onLine(rest.slice(0, LINE_MAX));
    overflowing = true;
    rest = '';
  };
}
