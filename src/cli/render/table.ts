import stringWidth from 'string-width';
import { safeLine } from '../../text/safe.ts';

/** A column of a table of `T`. */
export interface Column<T> {
  header: string;
  /** The cell's text; undefined and an empty text print as `-`. Made safe here. */
  value: (row: T) => string | number | undefined;
  align?: 'left' | 'right';
  /** Printed with `-o wide` only. */
  wide?: boolean;
}

export interface TableOptions {
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
