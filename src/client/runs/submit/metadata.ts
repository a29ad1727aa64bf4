/** Whether what the store has under a task's version is what would be stored. */
import {
  ArchiveError,
  layoutHash,
  METADATA_MAX_BYTES,
  readMetadata,
  taskId,
  taskMetadata,
  type Task,
  type TaskMetadata,
} from '../../../tasks/index.ts';
import { layoutOfArchive } from '../../../tasks/archive/layout.ts';
import { layoutOf } from '../../../tasks/metadata.ts';
import { CliError } from '../../failures/error.ts';
import type { SelectedTask } from '../select/select.ts';

/** `metadata.json` of a task. Throws CliError SB-E014 for a task.toml that says more than anybody reads. */
export function metadataText({ task, contextSha256 }: SelectedTask): string {
  const text = `${JSON.stringify(taskMetadata(task, contextSha256), null, 2)}\n`;
  const bytes = Buffer.byteLength(text);
  const read = readMetadata(Buffer.from(text));
  if (bytes <= METADATA_MAX_BYTES && read.kind === 'read') return text;
  const why =
    read.kind === 'faulty'
      ? `its metadata.json ${read.message}`
      : `its metadata.json would have ${bytes} bytes; expected at most ${METADATA_MAX_BYTES}`;
  throw new CliError('SB-E014', {
    what: `cannot store ${task.name}`,
    why,
    fix: 'leave out of task.toml what nobody needs, such as long texts under [metadata]',
  });
}

/** What is stored, where it is of this version of sb; undefined for what has to be stored again. */
export function stored(contents: Uint8Array | undefined): TaskMetadata | undefined {
  const read = contents && readMetadata(contents);
  return read?.kind === 'read' ? read.metadata : undefined;
}

/**
 * Throws CliError SB-E039 where the stored task differs. A version is made of paths and contents alone, so permissions, links and empty folders may; and
 * another version of `sb` may have packed other bytes, which the build would refuse. `archive` resolves the stored `task.zip`.
 */
export async function checkStored(
  { task, contextSha256 }: SelectedTask,
  metadata: TaskMetadata,
  { uri, archive }: { uri: string; archive: () => Promise<Uint8Array | undefined> },
): Promise<void> {
  if (metadata.layout_sha256 !== layoutHash(task))
    throw differs(task, uri, await layoutDifference(task, await archive()));
  const { context_sha256: context } = metadata;
  if (context !== undefined && contextSha256 !== undefined && context !== contextSha256)
    throw differs(task, uri, 'its context.zip was packed by another version of sb');
}

/** The first file that is there with other permissions, in words. */
async function layoutDifference(task: Task, archive: Uint8Array | undefined): Promise<string> {
  const there = archive && (await layoutOfArchive(archive).catch(unreadable));
  const file = there && task.files.find((one) => there.get(one.path) !== layoutOf(one));
  if (!file) return 'its empty folders or their permissions are others';
  return `${file.path} is ${there.get(file.path) ?? 'missing'} there and ${layoutOf(file)} here`;
}

function unreadable(error: unknown): undefined {
  if (!(error instanceof ArchiveError)) throw error;
}

export const differs = (task: Task, uri: string, why: string): CliError =>
  new CliError('SB-E039', {
    what: `cannot store ${taskId(task)}`,
    why: `${uri} has this version already, yet ${why}`,
    fix: `make both alike (chmod), or remove what is stored if no run needs it: aws s3 rm --recursive ${uri}`,
  });
