/** Whether an object of the cluster has all that it is to have. Pure. */

/**
 * The API server and other people add to an object; what is in `wanted` must be in `found` as it is there. Lists are compared item by item. A number
 * may have become a text, as amounts do. An object that is the same in other words is taken for another one: it is applied again, which changes nothing.
 */
export function covers(found: unknown, wanted: unknown): boolean {
  if (wanted === undefined) return true;
  if (Array.isArray(wanted))
    return (
      Array.isArray(found) &&
      found.length === wanted.length &&
      wanted.every((item, index) => covers(found[index], item))
    );
  if (typeof wanted !== 'object' || wanted === null) return asText(found) === asText(wanted);
  // The API server leaves out maps and lists that are empty.
  const parts = Object.entries(wanted).filter(([, part]) => !isEmpty(part));
  if (parts.length === 0) return true;
  if (typeof found !== 'object' || found === null) return false;
  return parts.every(([name, part]) => covers((found as Record<string, unknown>)[name], part));
}

const asText = (value: unknown): unknown => (typeof value === 'number' ? String(value) : value);

const isEmpty = (part: unknown): boolean =>
  part === undefined || (typeof part === 'object' && part !== null && Object.keys(part).length === 0);
