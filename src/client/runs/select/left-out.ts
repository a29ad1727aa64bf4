/** Files that must not leave this machine. */
import { dirname, join, relative, sep } from 'node:path';
import { existsSync } from 'node:fs';
import ignore, { type Ignore } from 'ignore';
import { textOfFile } from '../../../tasks/folder/text.ts';
import type { Task } from '../../../tasks/index.ts';

/** Part of a path that is the name of something secret, as far as a name can tell. */
const SECRET =
  /(^|\/)(\.env(rc|\.[^/]*)?|\.netrc|\.npmrc|\.pypirc|\.git-credentials|\.dockercfg|\.aws|\.ssh|\.gnupg|\.kube|id_(rsa|dsa|ecdsa|ed25519)|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx)|[^/]*(secret|token|passw|credential|private|api[-_]?key|service[-_]?account)[^/]*)(\/|$)/i;

/**
 * The task without files that look secret by their names and that a `.gitignore` keeps out of Git, of the task or of a folder above it in the
 * same repository: they lie here by chance, and neither Git nor the bucket is to have them. Everything else that Git ignores stays in, as in
 * Harbor: it may be what a script has fetched for the build.
 */
export async function withoutSecrets(task: Task): Promise<{ task: Task; leftOut: string[] }> {
  const suspects = task.files.filter(({ path }) => SECRET.test(path));
  const leftOut: string[] = [];
  for (const { path } of suspects) if (await isIgnored(join(task.dir, path))) leftOut.push(path);
  if (leftOut.length === 0) return { task, leftOut };
  return { task: { ...task, files: task.files.filter(({ path }) => !leftOut.includes(path)) }, leftOut };
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
