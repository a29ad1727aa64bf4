/** Which version this is. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Version of this program, be it `sb` or the operator: that of the package it is of, wherever in it this file lies. */
export const ownVersion = (folder = import.meta.dirname): string => found(folder)?.version ?? 'unknown';

/** Folder of that package. Throws where there is none. */
export function ownFolder(folder = import.meta.dirname): string {
  const own = found(folder);
  if (own) return own.folder;
  throw new Error(`no folder above ${folder} has the package.json of sb-operator`);
}

function found(folder: string): { folder: string; version: string } | undefined {
  const file = join(folder, 'package.json');
  if (existsSync(file)) {
    const { name, version } = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (name === 'sb-operator' && version !== undefined) return { folder, version };
  }
  const above = dirname(folder);
  return above === folder ? undefined : found(above);
}
