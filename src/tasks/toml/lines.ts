/** Where the keys of a TOML document are. The parser keeps no positions, and a report without a line helps little. */
import type { Path } from './problems.ts';

const KEY = /"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+/g;
const DOTTED = `(?:${KEY.source})(?:\\s*\\.\\s*(?:${KEY.source}))*`;
const HEADER = new RegExp(`^\\s*(?<bracket>\\[\\[?)\\s*(?<key>${DOTTED})\\s*\\]`);
const ASSIGNMENT = new RegExp(`^\\s*(?<key>${DOTTED})\\s*=`);

/** Gives the line, from 1, of a key, or of the nearest table around it that has one. */
export function lineFinder(text: string): (path: Path) => number | undefined {
  const lines = linesOfKeys(text);
  return (path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const line = lines.get(path.slice(0, length).join('/'));
      if (line !== undefined) return line;
    }
    return undefined;
  };
}

/** Line by path, its parts joined with `/`. */
function linesOfKeys(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const arrays = new Map<string, number>();
  let table: string[] = [];
  const note = (path: string[], line: number): void => {
    const key = path.join('/');
    if (!lines.has(key)) lines.set(key, line);
  };
  for (const { line, keys, bracket } of statements(text)) {
    if (bracket === undefined) {
      note([...table, ...keys], line);
      continue;
    }
    if (bracket === '[[') {
      const array = [...indexed(keys.slice(0, -1), arrays), ...keys.slice(-1)];
      note(array, line);
      arrays.set(array.join('/'), (arrays.get(array.join('/')) ?? -1) + 1);
    }
    table = indexed(keys, arrays);
    note(table, line);
  }
  return lines;
}

/** Puts the current index after each part that names an array of tables. */
function indexed(keys: string[], arrays: Map<string, number>): string[] {
  const path: string[] = [];
  for (const key of keys) {
    path.push(key);
    const index = arrays.get(path.join('/'));
    if (index !== undefined) path.push(String(index));
  }
  return path;
}

interface Statement {
  line: number;
  keys: string[];
  /** Of a header; an assignment has none. */
  bracket?: string;
}

/** Headers and assignments, but not what looks like one within a string of several lines. */
function* statements(text: string): Generator<Statement> {
  let quotes: string | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const groups = quotes === undefined ? (HEADER.exec(line) ?? ASSIGNMENT.exec(line))?.groups : undefined;
    const { bracket, key } = groups ?? {};
    if (key !== undefined)
      yield { line: index + 1, keys: parts(key), ...(bracket !== undefined && { bracket }) };
    quotes = quotesAfter(line, quotes);
  }
}

/** The quotes of a string of several lines that is open at the line's end. */
function quotesAfter(line: string, before: string | undefined): string | undefined {
  let open = before;
  for (const [quotes] of line.matchAll(/"""|'''/g)) {
    if (open === undefined) open = quotes;
    else if (open === quotes) open = undefined;
  }
  return open;
}

const parts = (dotted: string): string[] =>
  [...dotted.matchAll(KEY)].map(([key]) => (/^["']/.test(key) ? key.slice(1, -1) : key));
