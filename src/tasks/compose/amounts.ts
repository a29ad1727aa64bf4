/** Durations, sizes and command lines as Compose writes them. */

const UNITS: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** `1m30s` → seconds; undefined for what is no duration. */
export function secondsOf(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(h|m|s|ms|us|µs|ns))+$/.test(text)) return text === '0' ? 0 : undefined;
  let total = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)/g))
    total += Number(amount) * (UNITS[unit] ?? 0);
  return total <= SECONDS_MAX ? total : undefined;
}

/** A day. */
const SECONDS_MAX = 86_400;

const SIZE = /^(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?$/i;

/** `512m`, `1gb`, `64MiB` or a number of bytes → bytes; all units are powers of 1024, as in Docker. Undefined for what is no size. */
export function bytesOf(amount: string | number): number | undefined {
  const [, number, unit = ''] = SIZE.exec(String(amount).trim()) ?? [];
  if (number === undefined) return undefined;
  const bytes = Math.floor(Number(number) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Spaces, a part in quotes, an escaped character, or plain ones. */
const PART = /(\s+)|'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|([^\s'"\\]+)/gy;

/** A command in one text → its words, quoted as in a shell; undefined where a quote is not closed. Nothing is filled in. */
export function wordsOf(text: string): string[] | undefined {
  const parts = [...text.matchAll(PART)];
  if (parts.reduce((length, [part]) => length + part.length, 0) < text.length) return undefined;
  const words: string[] = [];
  for (const [index, part] of parts.entries()) {
    if (part[1] !== undefined) continue;
    const goesOn = index > 0 && parts[index - 1]?.[1] === undefined;
    words.push((goesOn ? words.pop() : '') + unquoted(part));
  }
  return words;
}

const unquoted = ([, , single, double, escaped, plain]: RegExpExecArray): string =>
  single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain ?? '';
