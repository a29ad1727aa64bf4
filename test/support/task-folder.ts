/** Task folders for tests. */
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

/** Writes the files into a new folder called `task`; scripts are executable. Returns its path. */
export async function taskFolder(files: Files): Promise<string> {
  const dir = join(await mkdtemp(join(tmpdir(), 'sb-task-')), 'task');
  await mkdir(dir);
  for (const [path, contents] of Object.entries(files)) {
    const target = join(dir, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, contents);
    if (path.endsWith('.sh')) await chmod(target, 0o755);
  }
  return dir;
}

/** Removes what `taskFolder` made. */
export const removeTaskFolder = (dir: string): Promise<void> =>
  rm(dirname(dir), { recursive: true, force: true });
