import stringWidth from 'string-width';
import type { OutputFormat, Terminal } from '../types.ts';
import { safe, safeJson, safeYaml, safeLine } from '../../text/safe.ts';
import { style } from './style.ts';

/** What a command has to say, for people and for programs. */
export interface Listing<T> {
  rows: readonly T[];
  columns: readonly Column<T>[];
  /** `-o name`: what other commands take as an argument. */
  name: (row: T) => string;
  /** `-o json` and `-o yaml`: the whole document. Default: the rows. */
  document?: () => unknown;
  /** `-o jsonl`: a line each. Default: the rows. */
  items?: () => readonly unknown[];
  /** For people, on stderr, where there are no rows. */
  empty?: string;
}

/** Prints a listing on stdout in the wanted format. */
export async function printListing<T>(
  terminal: Terminal,
  format: OutputFormat,
  listing: Listing<T>,
): Promise<void> {
  const { rows, name, document = () => rows, items = () => rows } = listing;
  switch (format) {
    case 'table':
    case 'wide':
      return printTable(terminal, listing, format === 'wide');
    case 'json':
    case 'yaml':
      return printDocument(terminal, format, document());
    case 'jsonl':
      return terminal.out(
        items()
          .map((item) => `${safeJson(item)}\n`)
          .join(''),
      );
    case 'name':
      return terminal.out(safe(rows.map((row) => `${name(row)}\n`).join('')));
    default:
      format satisfies never;
  }
}

/** Prints on stdout what a command did, for programs; people were told on stderr. */
export async function printDeed(
  terminal: Terminal,
  format: OutputFormat,
  { document, name }: { document: object; name: string },
): Promise<void> {
  if (format === 'json' || format === 'yaml') return printDocument(terminal, format, document);
  if (format === 'name') terminal.out(safe(`${name}\n`));
}

/** Prints one document on stdout; both formats escape control characters themselves. */
export async function printDocument(
  terminal: Terminal,
  format: 'json' | 'yaml',
  document: unknown,
): Promise<void> {
  if (format === 'json') return terminal.out(`${safeJson(document, 2)}\n`);
  const { dump } = await import('js-yaml');
  terminal.out(safeYaml(document, (value) => dump(value, { noRefs: true, lineWidth: 110 })));
}

function printTable<T>(terminal: Terminal, { rows, columns, empty }: Listing<T>, wide: boolean): void {
  if (rows.length === 0 && empty !== undefined) return terminal.err(`${empty}\n`);
  const width = terminal.outIsTTY && !wide ? terminal.columns() : undefined;
  const headerStyle = style({ color: terminal.color && terminal.outIsTTY }).strong;
  terminal.out(table(rows, columns, { wide, width, headerStyle }));
}

/** A column of a table of `T`. */
export interface Column<T> {
  header: string;
  /** The cell's text; undefined and an empty text print as `-`. Made safe here. */
  value: (row: T) => string | number | undefined;
  align?: 'left' | 'right';
  /** Printed with `-o wide` only. */
  wide?: boolean;
}

interface TableOptions {
  wide?: boolean;
  /** Cells of the table: longer lines are cut with an ellipsis. Default: no limit. */
  width?: number | undefined;
  headerStyle?: (text: string) => string;
}

const GAP = '   ';

/** A table as kubectl prints it: aligned columns without lines, a newline after every row. */
export function table<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  options: TableOptions = {},
): string {
  const { wide = false, width, headerStyle = (text: string) => text } = options;
  const shown = columns.filter((column) => wide || column.wide !== true);
  const cells = [
    shown.map(({ header }) => header.toUpperCase()),
    ...rows.map((row) => shown.map((column) => cell(column.value(row)))),
  ];
  const widths = shown.map((_, index) => Math.max(...cells.map((line) => stringWidth(line[index] ?? ''))));
  return cells
    .map((line, index) => {
      const text = line.map((value, at) => padded(value, widths[at] ?? 0, shown[at]?.align)).join(GAP);
      const fitting = cut(text.trimEnd(), width);
      return `${index === 0 ? headerStyle(fitting) : fitting}\n`;
    })
    .join('');
}

const cell = (value: string | number | undefined): string => safeLine(String(value ?? '')) || '-';

function padded(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - stringWidth(text)));
  return align === 'left' ? text + space : space + text;
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The text, or as much of its beginning as fits into `width` cells with an ellipsis after it. */
export function cut(text: string, width = Infinity): string {
  if (stringWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    used += stringWidth(segment);
    if (used > width - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}
