/** Tasks into the bucket, without a run. */
import { resolve } from 'node:path';
import { inParallel } from '../../async/in-parallel.ts';
import { taskHash, taskId, taskPrefix, taskVersion } from '../../tasks/index.ts';
import type { PushedTask } from '../documents/task.ts';
import { taskFolder } from '../runs/plan/types.ts';
import { selectTasks, type SelectedTask } from '../runs/select/select.ts';
import { UPLOADS, uploading } from '../runs/submit/upload.ts';
import { persistently } from '../session/persistent.ts';
import { rulesOf } from '../session/rules.ts';
import type { Session } from '../session/types.ts';

interface PushOptions {
  /** Task folders, or folders of tasks at any depth. */
  paths: readonly string[];
  cwd: string;
  /** Nothing more is begun once it fires. */
  signal: AbortSignal;
  /** Told of the tasks that were read, before anything is stored. */
  onTasks?: (tasks: readonly SelectedTask[]) => void;
}

/**
 * Stores every task below the paths that the bucket does not have yet, in the order of the paths. Throws CliError as `selectTasks` and
 * `uploading` do; what was stored by then stays, and the same command goes on from there.
 */
export async function pushTasks(
  session: Pick<Session, 'kube' | 'kubeParts' | 'namespace' | 'store'>,
  { paths, cwd, signal, onTasks }: PushOptions,
): Promise<PushedTask[]> {
  const { tasks } = await selectTasks({
    path: paths.map((path) => resolve(cwd, path)),
    shown: paths.join(' and '),
  });
  onTasks?.(tasks);
  const [store, rules] = await Promise.all([session.store(), rulesOf(session)]);
  const folder = taskFolder(rules);
  const upload = uploading(store, folder);
  const { clock, random } = session.kubeParts;
  const push = async (selected: SelectedTask): Promise<PushedTask> => {
    const { task } = selected;
    const { result, bytes } = await persistently(() => upload(selected), { clock, random, signal });
    const version = taskVersion(taskHash(task));
    return {
      name: task.name,
      task_version: version,
      task_id: taskId(task),
      s3_task_uri: store.uri(taskPrefix(folder, task.name, version)),
      result,
      bytes,
    };
  };
  return await inParallel(tasks, push, { width: UPLOADS, signal });
}
