/** Pure: lines made of pieces, cut to a width before they get their colours. */
import stringWidth from 'string-width';
import { safe, safeLine } from '../../../text/safe.ts';
import type { Style } from '../style.ts';
import { cut } from '../table.ts';

/** A text, perhaps with a style. */
export type Piece = string | readonly [text: string, style: keyof Style];

/** The pieces as one line of at most `width` cells. Texts are made harmless here; spaces between them stay. */
export function lineOfPieces(
  pieces: readonly Piece[],
  { width, style }: { width: number; style: Style },
): string {
  let left = width;
  let line = '';
  for (const piece of pieces) {
    const [raw, name] = typeof piece === 'string' ? [piece, undefined] : piece;
    if (left <= 0) break;
    const text = cut(harmless(raw), left);
    left -= stringWidth(text);
    line += name === undefined ? text : style[name](text);
  }
  return line.trimEnd();
}

/** As `safeLine`, but for the spaces that align columns. */
const harmless = (text: string): string => safe(text).replace(/\s/g, ' ');

/** The text, filled up with spaces or cut to exactly `width` cells. */
export function column(text: string, width: number): string {
  const fitting = cut(safeLine(text), width);
  return fitting + ' '.repeat(Math.max(0, width - stringWidth(fitting)));
}
