/** What the containers of a Trial left in /logs, as it is to be stored. All of it is hostile: see safe-open.ts. */
import { join, posix } from 'node:path';
import type { Skipped, StoredLink } from '../../wire/uploads.ts';
import { isWithin } from '../../wire/pod-paths.ts';
import { below, lookAt, openParents, openSafely, withOpened } from './safe-open.ts';
import { MAX_SKIPPED, Walk, type FoundFile, type Limits } from './walk.ts';

export interface Collected {
  files: FoundFile[];
  skipped: Skipped[];
  /** What no stored file tells of: links, which are skipped nevertheless, and folders with nothing in them that is known. */
  links: StoredLink[];
  folders: string[];
}

export const LIMITS: Limits = {
  fileBytes: 2 * 2 ** 30,
  totalBytes: 8 * 2 ** 30,
  files: 50_000,
  pathBytes: 5 * 2 ** 20,
  onePathBytes: 512,
  depth: 32,
  entries: 200_000,
};

/** What was stored before. */
interface Stored {
  files: readonly { path: string; size: number }[];
  links?: readonly StoredLink[];
  folders?: readonly string[];
}

/** What of the limits is left after that, for what is stored below the folder `under`. */
export function limitsAfter({ files, links = [], folders = [] }: Stored, under: string): Limits {
  const texts = [
    ...files.map(({ path }) => path),
    ...links.flatMap(({ path, target }) => [path, target]),
    ...folders,
  ];
  return {
    ...LIMITS,
    totalBytes: files.reduce((left, { size }) => left - size, LIMITS.totalBytes),
    files: LIMITS.files - files.length,
    pathBytes: texts.reduce((left, text) => left - Buffer.byteLength(text), LIMITS.pathBytes),
    onePathBytes: LIMITS.onePathBytes - Buffer.byteLength(under),
    entries: LIMITS.entries - links.length - folders.length,
  };
}

/** Where the folders of /logs go. */
const OUTPUT = 'output';
const PLACES: Record<string, string> = { agent: 'agent', verifier: 'verifier', artifacts: OUTPUT };
/** Where everything else goes. What lies under this name among the artifacts is skipped, so no two files have one key. */
const REST = 'output/.logs';

/** Ours. What the container has under that name goes to where nothing else of it goes. */
export const ARTIFACT_MANIFEST = 'output/manifest.json';
const besideOurs = (path: string): string =>
  path === ARTIFACT_MANIFEST || path.startsWith(`${ARTIFACT_MANIFEST}/`)
    ? path.replace('output', `${REST}/artifacts`)
    : path;

/** The folders of /logs: the agent's, and that of a separate verifier. */
export interface Logs {
  agent: string;
  verifier?: string;
  /** What the courier has copied out of services: the /logs of each, and the path below its artifacts. */
  services?: { logs: string; into: string }[];
}

/** Everything in them that can be stored, and what was left out and why. */
export function collectLogs(
  { agent: logs, verifier, services = [] }: Logs,
  limits: Limits = LIMITS,
): Collected {
  // What main has under the name of a service's artifact is not that artifact.
  const ofServices = (path: string): boolean =>
    services.some(({ into }) => isWithin(path, posix.join(OUTPUT, into)));
  const walk = new Walk(limits, { reserved: REST, layout: true, without: ofServices });
  const root = openSafely(logs, 'folder');
  // The container can take the right to read from its own folder, and has nothing stored then.
  if (typeof root === 'string')
    return {
      files: [],
      skipped: [{ path: REST, reason: root === 'Missing' ? 'Unreadable' : root }],
      links: [],
      folders: [],
    };
  withOpened(root, ({ fd }) => {
    walk.entries(fd, (name) => {
      // What the agent has under the name of the verifier's folder is none of a separate one's.
      const isOthers = verifier !== undefined && name === 'verifier';
      const path = (isOthers ? undefined : placeOf(fd, name)) ?? `${REST}/${name}`;
      walk.entry({ folder: fd, name, source: join(logs, name), path, depth: 1 });
    });
  });
  if (verifier !== undefined) collectVerifier(verifier, walk);
  const more = new Walk(walk.left, { reserved: REST, layout: true });
  for (const service of services) collectService(service, more);
  return together(walk, more);
}

function together(...walks: Walk[]): Collected {
  const moved = <T extends { path: string }>(one: T): T => ({ ...one, path: besideOurs(one.path) });
  const links = walks.flatMap((walk) => walk.links);
  return {
    files: walks.flatMap(({ files }) => files).map(moved),
    skipped: withLinks({ skipped: walks.flatMap(({ skipped }) => skipped), links }),
    links: links.map(moved),
    folders: walks.flatMap(({ folders }) => folders).map(besideOurs),
  };
}

/** What was skipped, links last: should they be too many to be listed, they hide nothing else. */
function withLinks({ skipped, links }: Pick<Walk, 'skipped' | 'links'>): Skipped[] {
  const listed: Skipped[] = links
    .slice(0, Math.max(0, MAX_SKIPPED - skipped.length))
    .map(({ path }) => ({ path, reason: 'Symlink' }));
  const isWhole = listed.length === links.length || skipped.length > MAX_SKIPPED;
  return [...skipped, ...listed, ...(isWhole ? [] : [{ path: 'and more', reason: 'Symlink' as const }])];
}

/** Only what was asked for: the service writes there, too. */
function collectService({ logs, into }: { logs: string; into: string }, walk: Walk): void {
  const name = posix.basename(into);
  openParents(logs, posix.join('artifacts', posix.dirname(into)).split('/'), (folder) => {
    if (lookAt(below(folder, name)) === 'Missing') return;
    const source = join(logs, 'artifacts', into);
    walk.entry({ folder, name, source, path: posix.join(OUTPUT, into), depth: 1 });
  });
}

/** A separate verifier's own folder alone: the rest of its /logs is the agent's again, or nobody's. */
function collectVerifier(logs: string, walk: Walk): void {
  const root = openSafely(logs, 'folder');
  if (typeof root === 'string') return;
  withOpened(root, ({ fd: folder }) => {
    const name = 'verifier';
    if (lookAt(below(folder, name)) === 'Missing') return;
    walk.entry({ folder, name, source: join(logs, name), path: name, depth: 1 });
  });
}

/** The place of one of our folders; undefined when something else lies under its name. */
function placeOf(root: number, name: string): string | undefined {
  if (!Object.hasOwn(PLACES, name)) return undefined;
  const stats = lookAt(below(root, name));
  return typeof stats !== 'string' && stats.isDirectory() ? PLACES[name] : undefined;
}
