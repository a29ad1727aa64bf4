/** What cannot be taken back: the npm package in its registry, and the tag. */
import { join } from 'node:path';
import { tagOf } from './checks.ts';
import { run } from './process.ts';
import type { Release } from './release.ts';

/** The tag comes last: without it the same version can be released again where something failed before. */
export async function publish({ root, out, version, commit }: Release, archive: string): Promise<void> {
  // What npm installs where no version is asked for is never a pre-release.
  const channel = version.includes('-') ? 'next' : 'latest';
  // Under `npm run --silent` npm would not say why it failed.
  const args = ['publish', join(out, archive), '--access', 'public', '--tag', channel, '--loglevel=error'];
  await run('npm', args, { cwd: out });
  await run('git', ['tag', '--annotate', tagOf(version), '--message', tagOf(version), commit], { cwd: root });
}
