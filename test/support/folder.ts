/** Folders for tests: of a task, of several, or of anything else. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** POSIX paths and what is in them. */
export type Files = Record<string, string | Uint8Array>;

/** The least that makes a task. */
export const MINIMAL: Files = {
  'task.toml': '',
  'instruction.md': 'Do it.\n',
  'environment/Dockerfile': 'FROM debian:bookworm-slim\n',
  'tests/test.sh': '#!/bin/sh\necho 1 > /logs/verifier/reward.txt\n',
};

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

type Some<Contents> = Record<string, Contents | undefined>;

/** Writes the files into a new folder; those that are undefined are left out, and scripts are executable. */
export async function folderOf(files: Some<string | Uint8Array>): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'sb-test-'));
  for (const [name, contents] of Object.entries(files)) {
    if (contents === undefined) continue;
    const target = join(path, name);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, contents);
    if (name.endsWith('.sh')) await chmod(target, 0o755);
  }
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Files put below a folder. */
export const below = <Contents extends string | Uint8Array>(
  folder: string,
  files: Some<Contents>,
): Some<Contents> =>
  Object.fromEntries(Object.entries(files).map(([name, contents]) => [`${folder}/${name}`, contents]));

/** Writes the files of a task into a new folder called `task`. Returns its path. */
export async function taskFolder(files: Files): Promise<string> {
  const { path } = await folderOf(below('task', files));
  const task = join(path, 'task');
  await mkdir(task, { recursive: true });
  return task;
}

/** Removes what `taskFolder` made. */
export const removeTaskFolder = (dir: string): Promise<void> =>
  rm(dirname(dir), { recursive: true, force: true });
