/** Which version this is. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Version of this program, be it `sb` or the operator: that of the package it is of, wherever in it this file lies. */
export function ownVersion(folder = import.meta.dirname): string {
  const file = join(folder, 'package.json');
  if (existsSync(file)) {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name === 'sb-operator' && version !== undefined) return version;
  }
  const above = dirname(folder);
  return above === folder ? 'unknown' : ownVersion(above);
}
