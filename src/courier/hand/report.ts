/** Pure: what run.sh writes into /sb/report. */

/** One line: an answer to an order, or something that the first process says by itself. */
export type Report =
  | { kind: 'hello' }
  | { kind: 'stopping' }
  | { kind: 'done'; sequence: number; token: string; code: number; oomKills: number; failed: number[] }
  | { kind: 'refused'; sequence: number; token: string; refusal: Refusal };

/** What kept a command from starting: the image has no such directory, user or interpreter. */
export type Refusal = 'workdir' | 'user' | 'interpreter';

const DONE = /^(\d{1,9}) ([0-9a-f]{24}) done (\d{1,3}) (\d{1,9})((?: \d{1,4})*)$/;
const REFUSED = /^(\d{1,9}) ([0-9a-f]{24}) refused (workdir|user|interpreter)$/;

/** A line's meaning; undefined for what run.sh would never write. */
export function parseReport(line: string): Report | undefined {
  if (line === '0 - hello') return { kind: 'hello' };
  if (line === '0 - stopping') return { kind: 'stopping' };
  const [, refusedSequence, refusedToken = '', refusal] = REFUSED.exec(line) ?? [];
  if (refusal !== undefined)
    return {
      kind: 'refused',
      sequence: Number(refusedSequence),
      token: refusedToken,
      refusal: refusal as Refusal,
    };
  const [done, sequence, token = '', code, oomKills, failed = ''] = DONE.exec(line) ?? [];
  if (done === undefined) return undefined;
  return {
    kind: 'done',
    sequence: Number(sequence),
    token,
    code: Number(code),
    oomKills: Number(oomKills),
    failed: failed.split(' ').filter(Boolean).map(Number),
  };
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
