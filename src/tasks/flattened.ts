/** A key of a ConfigMap as a path: `tests__test.sh` is `tests/test.sh`. Undefined for what would climb out of the folder. */
export function unflattened(key: string): string | undefined {
  const path = key.replaceAll('__', '/');
  const plain = path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return plain ? path : undefined;
}
