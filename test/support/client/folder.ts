import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Files of a task that nothing is to be said against. */
export const GOOD_TASK: Record<string, string> = {
  'task.toml':
    'schema_version = "1.4"\n\n[agent]\nuser = "agent"\n\n[verifier]\nenvironment_mode = "separate"\n\n[environment]\ncpus = 1\n',
  'instruction.md': 'Write hello.\n',
  'environment/Dockerfile': `FROM debian@sha256:${'0'.repeat(64)}\n`,
  'solution/solve.sh': '#!/bin/sh\necho hello > hello.txt\n',
  'tests/test.sh': '#!/bin/sh\necho 1 > /logs/verifier/reward.txt\n',
};

/** A folder of files for one test; `remove` takes it away again. */
export interface Folder {
  path: string;
  remove(): Promise<void>;
}

/** Writes the files into a new folder; those that are undefined are left out. */
export async function folderOf(files: Record<string, string | undefined>): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'sb-cli-'));
  for (const [name, text] of Object.entries(files)) {
    if (text === undefined) continue;
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Files put below a folder. */
export const below = (
  folder: string,
  files: Record<string, string | undefined>,
): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
