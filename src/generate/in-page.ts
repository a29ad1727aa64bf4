/** Parts of pages that are written by hand. Pure. */

/** The page with what stands between the two marks replaced. Throws where the page has no place for it. */
export function between(page: string, [open, close]: readonly [string, string], text: string): string {
  const [before, rest] = page.split(open);
  const after = rest?.split(close)[1];
  if (before === undefined || after === undefined) throw new Error(`expected ${open} … ${close}`);
  return `${before}${open}\n\n${text}\n${close}${after}`;
}
