/** Puts `item` where it belongs among the `size` first of an ordered list; the list is changed. */
export function keepBest<T>(
  list: T[],
  item: T,
  { size, compare }: { size: number; compare: (a: T, b: T) => number },
): void {
  const last = list.at(-1);
  if (list.length >= size && last !== undefined && compare(item, last) >= 0) return;
  const at = list.findIndex((other) => compare(item, other) < 0);
  list.splice(at < 0 ? list.length : at, 0, item);
  if (list.length > size) list.pop();
}
