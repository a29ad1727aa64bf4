import { rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  packContext,
  packTask,
  taskHash,
  taskId,
  taskMetadata,
  taskVersion,
  type Task,
} from '../../tasks/index.ts';
import { TASK_FILES } from '../../tasks/bucket.ts';
import { makeFolder } from '../make-folder.ts';
import type { PackedTask } from '../documents/task.ts';

/** Writes the objects of a task's upload into a folder, each whole or not at all; and says which. */
export async function packTo(
  task: Task,
  { folder, cwd }: { folder: string; cwd: string },
): Promise<PackedTask> {
  const builds = task.config.environment.docker_image === undefined;
  const files: [string, Uint8Array | string][] = [
    [TASK_FILES.task, await packTask(task)],
    ...(builds ? [[TASK_FILES.context, await packContext(task)] as [string, Uint8Array]] : []),
    [TASK_FILES.metadata, `${JSON.stringify(taskMetadata(task), undefined, 2)}\n`],
  ];
  const target = resolve(cwd, folder);
  await makeFolder(target);
  for (const [name, contents] of files) await writeWhole(join(target, name), contents);
  return {
    name: task.name,
    task_version: taskVersion(taskHash(task)),
    task_id: taskId(task),
    files: files.map(([name]) => join(folder, name)),
  };
}

async function writeWhole(file: string, contents: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.part`, contents);
  await rename(`${file}.part`, file);
}
