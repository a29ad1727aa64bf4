/** What Harbor's viewer looks for in a Trial's folder, out of what is stored under other names. */
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTextWhole } from './temporary.ts';

interface StoredResult {
  exception_info?: { exception_type: string; exception_message: string } | null;
}

export interface CopiedTrial {
  /** The run's folder. */
  root: string;
  /** The Trial's. */
  folder: string;
  /** Files that were copied into it. */
  paths: readonly string[];
}

/** Adds `artifacts`, a link to `output`, and `exception.txt`, where there is something to show. */
export async function addForViewer({ root, folder, paths }: CopiedTrial): Promise<void> {
  if (paths.some((path) => path.startsWith('output/')))
    // One that is there already is good; a disk without links has the files under output/ all the same.
    await symlink('output', join(folder, 'artifacts')).catch(() => {});
  if (!paths.includes('result.json')) return;
  const { exception_info: exception } = JSON.parse(
    await readFile(join(folder, 'result.json'), 'utf8'),
  ) as StoredResult;
  if (!exception) return;
  const text = `${exception.exception_type}: ${exception.exception_message}\n`;
  await writeTextWhole(root, join(folder, 'exception.txt'), text);
}
