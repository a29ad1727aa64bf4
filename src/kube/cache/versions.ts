/**
 * Order of two resourceVersions of one resource: negative, zero or positive. They are decimal numbers of any length
 * (KEP-5504); a missing one comes before all others.
 */
export function compareVersions(a: string | undefined, b: string | undefined): number {
  const left = a ?? '';
  const right = b ?? '';
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : Number(left > right);
}
