/** How often within a second something may be done: in all, and for each of those who ask, so that none takes what the others need. */
export interface Rate {
  total: number;
  each: number;
}

/** Says whether `who` may at that moment, and counts it then. */
export function limiter({ total, each }: Rate): (who: string, at: Date) => boolean {
  let second = 0;
  let counted = 0;
  let byAsker = new Map<string, number>();
  return (who, at) => {
    const current = Math.floor(at.getTime() / 1000);
    if (current !== second) [second, counted, byAsker] = [current, 0, new Map()];
    const own = byAsker.get(who) ?? 0;
    if (counted >= total || own >= each) return false;
    counted += 1;
    byAsker.set(who, own + 1);
    return true;
  };
}
