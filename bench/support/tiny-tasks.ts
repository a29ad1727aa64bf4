/** Tasks of one file each, on this machine. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** `count` tasks, each other than the rest, and no version of them ever in a bucket before. */
export async function writeTasks(folder: string, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const dir = join(folder, `task-${String(index).padStart(5, '0')}`);
    for (const part of ['environment', 'solution', 'tests'])
      await mkdir(join(dir, part), { recursive: true });
    await Promise.all([
      writeFile(
        join(dir, 'task.toml'),
        '[agent]\ntimeout_sec = 60\n[environment]\ncpus = 1\nmemory_mb = 256\n',
      ),
      writeFile(join(dir, 'instruction.md'), `Write ${index} into /tmp/answer. (${folder})\n`),
      writeFile(join(dir, 'environment/Dockerfile'), `FROM debian:bookworm-slim\nLABEL task=${index}\n`),
      writeFile(join(dir, 'solution/solve.sh'), `#!/bin/sh\necho ${index} > /tmp/answer\n`, { mode: 0o755 }),
      writeFile(join(dir, 'tests/test.sh'), `#!/bin/sh\ngrep -q ${index} /tmp/answer\n`, { mode: 0o755 }),
    ]);
  }
}
