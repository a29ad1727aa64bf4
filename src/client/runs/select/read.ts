/** A folder → a task that can be run, or what is wrong with it. */
import { join, dirname, relative, sep } from 'node:path';
import { existsSync } from 'node:fs';
import ignore, { type Ignore } from 'ignore';
import { sha256 } from '../../../crds/names.ts';
import {
  composeContexts,
  CONTEXT,
  packContext,
  readTask,
  readTaskToml,
  testContexts,
  unsupportedFields,
  type ContextHashes,
  type Task,
} from '../../../tasks/index.ts';
import { textOfFile } from '../../../tasks/folder/text.ts';
import type { Budget } from '../../../async/in-parallel.ts';
import { problemsOf, type InvalidTask, type LocatedProblem } from '../../../tasks/folder/problems.ts';

/** A task to run. */
export interface SelectedTask extends ContextHashes {
  task: Task;
  /** Paths in the task's folder that are no part of what is hashed and stored, since they look secret: see `withoutSecrets`. */
  leftOut?: string[];
}

/** Bytes of the task's files. */
export const bytesOf = ({ files }: Task): number => files.reduce((sum, { size }) => sum + size, 0);

/** Reads, checks and hashes a folder; `memory` is what packing in parallel may use together, in bytes. */
export async function readFolder(folder: string, memory: Budget): Promise<SelectedTask | InvalidTask> {
  try {
    const { task, leftOut } = await withoutSecrets(await readTask(folder));
    const selected = { task, ...(leftOut.length > 0 && { leftOut }) };
    return { ...selected, ...(await memory(bytesOf(task), () => contextHashes(task))) };
  } catch (error) {
    return { folder, problems: [...problemsOf(folder, error), ...(await unsupportedBeside(folder))] };
  }
}

/** What this version does not run, beside what is wrong: of two reasons none hides the other. */
async function unsupportedBeside(folder: string): Promise<LocatedProblem[]> {
  const file = join(folder, 'task.toml');
  try {
    const { config } = readTaskToml((await textOfFile(file)) ?? '', file);
    return (config ? unsupportedFields(config) : []).map(({ field, reason }) => ({
      file,
      field,
      message: `${field}: ${reason}`,
    }));
  } catch {
    return [];
  }
}

async function contextHashes(task: Task): Promise<ContextHashes> {
  const services = composeContexts(task);
  const builds = task.config.environment.docker_image === undefined || services.includes(CONTEXT);
  const others = [...testContexts(task), ...services.filter((folder) => folder !== CONTEXT)];
  const of: Record<string, string> = {};
  for (const folder of others) of[folder] = sha256(await packContext(task, folder));
  return {
    ...(builds && { contextSha256: sha256(await packContext(task)) }),
    ...(others.length > 0 && { testContexts: of }),
  };
}

/** Part of a path that is the name of something secret, as far as a name can tell. */
const SECRET =
  /(^|\/)(\.env(rc|\.[^/]*)?|\.netrc|\.npmrc|\.pypirc|\.git-credentials|\.dockercfg|\.aws|\.ssh|\.gnupg|\.kube|id_(rsa|dsa|ecdsa|ed25519)|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx)|[^/]*(secret|token|passw|credential|private|api[-_]?key|service[-_]?account)[^/]*)(\/|$)/i;

/**
 * The task without files that look secret by their names and that a `.gitignore` keeps out of Git, of the task or of a folder above it in the
 * same repository: they lie here by chance, and neither Git nor the bucket is to have them. Everything else that Git ignores stays in, as in
 * Harbor: it may be what a script has fetched for the build.
 */
async function withoutSecrets(task: Task): Promise<{ task: Task; leftOut: string[] }> {
  const suspects = task.files.filter(({ path }) => SECRET.test(path));
  const leftOut: string[] = [];
  for (const { path } of suspects) if (await isIgnored(join(task.dir, path))) leftOut.push(path);
  if (leftOut.length === 0) return { task, leftOut };
  const files = task.files.filter(({ path }) => !leftOut.includes(path));
  const compose = task.compose && { compose: composeWithout(task.compose, leftOut) };
  return { task: { ...task, files, ...compose }, leftOut };
}

/** Files of variables are stored with the document, too. */
function composeWithout(
  { document, env_files: files = {} }: NonNullable<Task['compose']>,
  leftOut: readonly string[],
): NonNullable<Task['compose']> {
  const kept = Object.entries(files).filter(([path]) => !leftOut.includes(path));
  return { document, ...(kept.length > 0 && { env_files: Object.fromEntries(kept) }) };
}

/** Whether Git would ignore the file. The innermost `.gitignore` with a word about it decides. */
async function isIgnored(file: string): Promise<boolean> {
  for (const folder of foldersAbove(file)) {
    const { ignored, unignored } = (await rulesIn(folder)).test(relative(folder, file).split(sep).join('/'));
    if (ignored || unignored) return ignored;
  }
  return false;
}

/** From the file's folder up to that of the repository; up to the root where there is none. */
function* foldersAbove(file: string): Generator<string> {
  for (let folder = dirname(file), below = file; folder !== below; below = folder, folder = dirname(folder)) {
    yield folder;
    if (existsSync(join(folder, '.git'))) return;
  }
}

async function rulesIn(folder: string): Promise<Ignore> {
  const text = await textOfFile(join(folder, '.gitignore')).catch(() => undefined);
  return ignore().add(text ?? '');
}
