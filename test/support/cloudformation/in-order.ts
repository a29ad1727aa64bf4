/** Does a work for each, once everything that it needs is done; resolves to those for which it failed. What needs one of them is not begun. Work that answers undefined was not begun, either. */
export async function inOrder(
  names: readonly string[],
  needsOf: (name: string) => readonly string[],
  work: (name: string) => Promise<boolean | undefined>,
): Promise<string[]> {
  const going = new Map<string, Promise<boolean>>();
  const failed: string[] = [];
  const done = (name: string): Promise<boolean> => {
    const begun = going.get(name);
    if (begun) return begun;
    const result = (async () => {
      const needs = needsOf(name).filter((need) => names.includes(need));
      const ready = await Promise.all(needs.map(done));
      if (!ready.every(Boolean)) return false;
      const succeeded = await work(name);
      if (succeeded === false) failed.push(name);
      return succeeded === true;
    })();
    going.set(name, result);
    return result;
  };
  await Promise.all(names.map(done));
  return failed;
}
