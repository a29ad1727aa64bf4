import { styleText } from 'node:util';
import type { Terminal } from '../types.ts';

type Format = Parameters<typeof styleText>[0];

/** Puts text into colours, or leaves it as it is. */
export interface Style {
  good: (text: string) => string;
  bad: (text: string) => string;
  warn: (text: string) => string;
  strong: (text: string) => string;
  faint: (text: string) => string;
}

/** Styles for a terminal; where colours are not wanted every one of them returns its text. */
export function style({ color }: Pick<Terminal, 'color'>): Style {
  const as =
    (format: Format) =>
    (text: string): string =>
      color ? styleText(format, text, { validateStream: false }) : text;
  return {
    good: as('green'),
    bad: as('red'),
    warn: as('yellow'),
    strong: as('bold'),
    faint: as('dim'),
  };
}
