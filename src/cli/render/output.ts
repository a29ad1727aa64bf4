import type { OutputFormat, Terminal } from '../types.ts';
import { safe, safeJson, safeYaml } from '../../text/safe.ts';
import { style } from './style.ts';
import { table, type Column } from './table.ts';

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
