/** What stands against a release, each in one sentence. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.ts';
import { manifestOf } from './release.ts';

/** https://semver.org, without build metadata: no tag of an image may have a plus sign. */
const NUMBER = '(?:0|[1-9][0-9]*)';
const WORD = `(?:${NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)`;
const SEMVER = new RegExp(String.raw`^${NUMBER}\.${NUMBER}\.${NUMBER}(?:-${WORD}(?:\.${WORD})*)?$`);

export const tagOf = (version: string): string => `v${version}`;

/** Resolves to all of it; nothing where this checkout may be released. */
export async function objections(root: string): Promise<string[]> {
  const { version } = manifestOf(root);
  if (typeof version !== 'string' || !SEMVER.test(version))
    return [`package.json: version ${JSON.stringify(version)} is not MAJOR.MINOR.PATCH of semver.org`];
  const [tag, tree] = await Promise.all([tagObjection(root, version), treeObjection(root)]);
  return [lockObjection(root, version), tag, tree, changelogObjection(root, version)].filter(
    (text) => text !== undefined,
  );
}

function lockObjection(root: string, version: string): string | undefined {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { version?: string };
  if (lock.version === version) return undefined;
  return `package-lock.json: version ${lock.version} is not ${version} of package.json; npm install writes it`;
}

async function tagObjection(root: string, version: string): Promise<string | undefined> {
  const tag = tagOf(version);
  const found = await run('git', ['tag', '--list', tag], { cwd: root });
  return found === '' ? undefined : `tag ${tag} exists: this version was released; raise it in package.json`;
}

async function treeObjection(root: string): Promise<string | undefined> {
  const changed = (await run('git', ['status', '--porcelain'], { cwd: root })).split('\n').filter(Boolean);
  if (changed.length === 0) return undefined;
  const more = changed.length > 1 ? ` and ${changed.length - 1} more` : '';
  return `the work tree is not what is committed (${changed[0]?.trim()}${more}): commit it, or take it back`;
}

function changelogObjection(root: string, version: string): string | undefined {
  const text = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  const said = text.split(/^## /m).find((section) => section.split(/\s/, 1)[0] === version);
  if (said !== undefined && said.trim() !== version) return undefined;
  return `CHANGELOG.md says nothing of ${version}: write a section "## ${version}"`;
}
