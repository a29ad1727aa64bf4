/** Whether what the store has under a task's version is what would be stored. */
import { taskId, taskMetadata, type Task, type TaskFile, type TaskMetadata } from '../../../tasks/index.ts';
import { CliError } from '../../failures/error.ts';
import type { SelectedTask } from '../select/select.ts';

/** `metadata.json` as `sb` writes it. */
export interface StoredMetadata extends TaskMetadata {
  /** SHA-256 of `context.zip`, in hex; missing where there is none. */
  context_sha256?: string;
}

export function metadataText({ task, contextSha256 }: SelectedTask): string {
  const metadata: StoredMetadata = {
    ...taskMetadata(task),
    ...(contextSha256 !== undefined && { context_sha256: contextSha256 }),
  };
  return `${JSON.stringify(metadata, null, 2)}\n`;
}

/**
 * Throws CliError SB-E039 where the stored task differs. A version is made of paths and contents alone, so permissions, links and empty folders may; and
 * another version of `sb` may have packed other bytes, which the build would refuse.
 */
export function checkStored({ task, contextSha256 }: SelectedTask, stored: Uint8Array, uri: string): void {
  const theirs = parse(stored);
  if (theirs === undefined) throw differs(task, uri, 'its metadata.json cannot be read');
  const kinds = new Map(theirs.files?.map((file) => [file.path, kindOf(file)]));
  const file = task.files.find((one) => kinds.get(one.path) !== kindOf(one));
  if (file)
    throw differs(
      task,
      uri,
      `${file.path} is ${kinds.get(file.path) ?? 'missing'} there and ${kindOf(file)} here`,
    );
  if (JSON.stringify(theirs.folders ?? []) !== JSON.stringify(task.folders))
    throw differs(task, uri, 'its empty folders or their permissions are others');
  const { context_sha256: context } = theirs;
  if (context !== undefined && contextSha256 !== undefined && context !== contextSha256)
    throw differs(task, uri, 'its context.zip was packed by another version of sb');
}

/** What a version does not tell of a file. */
function kindOf({ link, mode, executable }: TaskFile): string {
  if (link !== undefined) return `a link to ${link}`;
  if (mode !== undefined) return `of mode ${mode.toString(8)}`;
  return executable ? 'executable' : 'not executable';
}

function parse(stored: Uint8Array): Partial<StoredMetadata> | undefined {
  try {
    const metadata: unknown = JSON.parse(Buffer.from(stored).toString());
    return typeof metadata === 'object' && metadata !== null ? metadata : undefined;
  } catch {
    return undefined;
  }
}

export const differs = (task: Task, uri: string, why: string): CliError =>
  new CliError('SB-E039', {
    what: `cannot store ${taskId(task)}`,
    why: `${uri} has this version already, yet ${why}`,
    fix: `make both alike (chmod), or remove what is stored if no run needs it: aws s3 rm --recursive ${uri}`,
  });
