/** Where links of a task lead, by what the task holds alone: the same wherever its folder lies, before it is packed and after. */
import { posix } from 'node:path';

interface Entry {
  /** POSIX path within the task's folder. */
  path: string;
  /** Where it leads, as it says itself; missing for what is no link. */
  link?: string;
}

/** Links that Linux follows on one way. */
const MAX_LINKS = 40;

/**
 * The files that links lead to, by the links' paths. An absolute link and one that leaves the task's folder on its way lead to none, though
 * they may come back into it: elsewhere they would not.
 */
export function filesBehindLinks(
  files: readonly Entry[],
  folders: readonly { path: string }[],
): Map<string, string> {
  const links = new Map(files.flatMap(({ path, link }) => (link === undefined ? [] : [[path, link]])));
  if (links.size === 0) return new Map();
  const plain = new Set(files.flatMap(({ path, link }) => (link === undefined ? [path] : [])));
  const inside = new Set(['.', ...folders.map(({ path }) => path)]);
  for (const { path } of [...files, ...folders])
    for (let at = posix.dirname(path); !inside.has(at); at = posix.dirname(at)) inside.add(at);
  return new Map(
    [...links.keys()].flatMap((path) => {
      const target = follow(path, { links, inside, left: MAX_LINKS });
      return target !== undefined && plain.has(target) ? [[path, target]] : [];
    }),
  );
}

interface Way {
  links: ReadonlyMap<string, string>;
  inside: ReadonlySet<string>;
  /** Links that may still be followed. */
  left: number;
}

/** What a link leads to at last; undefined where that is outside, or behind what is no folder. */
function follow(link: string, way: Way): string | undefined {
  const target = way.links.get(link) ?? '';
  way.left -= 1;
  if (way.left < 0 || target.startsWith('/')) return undefined;
  let at: string | undefined = posix.dirname(link);
  for (const part of target.split('/').filter((one) => one !== '' && one !== '.')) {
    if (at === undefined || !way.inside.has(at) || (part === '..' && at === '.')) return undefined;
    at = posix.join(at, part);
    if (way.links.has(at)) at = follow(at, way);
  }
  return at;
}
