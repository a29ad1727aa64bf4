/**
 * Pure: what of a Trial's `manifest.json` makes up the /logs that its agent left, and whether that is all that a verifier would be given of it.
 * Anyone who may write in the namespace may have written it, so it is checked as such.
 */
import { crossingsOf } from '../phases/apart.ts';
import { ARTIFACT_MANIFEST, LIMITS } from '../results/collect.ts';
import type { Step } from '../task/sequence.ts';
import { isWithin } from '../../wire/pod-paths.ts';
import { problemOfName, problemOfPath, stepFolder } from '../../wire/upload-paths.ts';
import type { Manifest, Skipped, StoredFile, StoredLink } from '../../wire/uploads.ts';
import { AttemptFailure } from '../failure.ts';
import { parsedJson } from '../../text/json.ts';

export const unusable = (message: string, cause?: unknown): AttemptFailure =>
  new AttemptFailure('SourceUnusable', message, {
    type: 'RegradeError',
    ...(cause !== undefined && { cause }),
  });

export const mismatch = (message: string): AttemptFailure =>
  new AttemptFailure('SourceMismatch', message, { type: 'RegradeError' });

const isText = (value: unknown): value is string => typeof value === 'string';
const isList = <T>(value: unknown, isOne: (one: unknown) => one is T): value is T[] =>
  Array.isArray(value) && value.every(isOne);

function isFile(value: unknown): value is StoredFile {
  const { path, size, sha256 } = (value ?? {}) as Partial<Record<keyof StoredFile, unknown>>;
  return isText(path) && Number.isSafeInteger(size) && Number(size) >= 0 && isText(sha256);
}

const isLink = (value: unknown): value is StoredLink => {
  const { path, target } = (value ?? {}) as Partial<Record<keyof StoredLink, unknown>>;
  return isText(path) && isText(target);
};

const isSkipped = (value: unknown): value is Skipped => {
  const { path, reason } = (value ?? {}) as Partial<Record<keyof Skipped, unknown>>;
  return isText(path) && isText(reason);
};

/** Reads the text of a `manifest.json`. Throws SourceUnusable for one that cannot be laid out again. */
export function readManifest(text: string): Manifest {
  const manifest = parsedJson(text) as Partial<Record<keyof Manifest, unknown>> | null | undefined;
  const { files, skipped, links, folders } = manifest ?? {};
  const isWhole =
    isList(files, isFile) && isList(skipped, isSkipped) && isList(links, isLink) && isList(folders, isText);
  if (!isWhole)
    throw unusable('manifest.json does not say what it should: an older operator wrote it, or somebody else');
  for (const path of [...files, ...links].map((one) => one.path).concat(folders)) demandPath(path);
  return manifest as Manifest;
}

/** A folder may be one of our own, which holds nothing but others. */
function demandPath(path: string): void {
  const problem = problemOfPath(`${path}/x`) && problemOfPath(path);
  if (problem !== undefined) throw unusable(`manifest.json names ${shown(path)}, which ${problem}`);
}

const shown = (path: string): string => JSON.stringify(path.slice(0, 200));

/** Where it lay in /logs, by where it is stored, below the prefix of the Trial or step; undefined for what is not the agent's. */
function inLogs(path: string): string | undefined {
  if (isWithin(path, ARTIFACT_MANIFEST)) return undefined;
  if (path.startsWith('output/.logs/')) return path.slice('output/.logs/'.length);
  if (isWithin(path, 'output')) return path.replace('output', 'artifacts');
  return isWithin(path, 'agent') ? path : undefined;
}

/** What is to be laid out; `path` is below /logs. */
export interface Layout {
  files: (StoredFile & { stored: string })[];
  links: StoredLink[];
  folders: string[];
  /** What was not stored, and why. */
  skipped: Skipped[];
}

/** The /logs of one step, or of a task without steps. Throws SourceUnusable for more than any Trial stores. */
export function layoutOf(manifest: Manifest, step: string | undefined): Layout {
  const under = step === undefined ? '' : stepFolder(step);
  const place = <T extends { path: string }>(one: T): (T & { stored: string })[] => {
    if (!one.path.startsWith(under)) return [];
    const path = inLogs(one.path.slice(under.length));
    return path === undefined ? [] : [{ ...one, path, stored: one.path }];
  };
  const layout: Layout = {
    files: manifest.files.flatMap(place),
    links: manifest.links.flatMap(place).map(({ path, target }) => ({ path, target })),
    folders: manifest.folders.flatMap((path) => place({ path })).map(({ path }) => path),
    skipped: manifest.skipped.flatMap((one) => (one.path === MORE ? [one] : place(one))),
  };
  demandBounds(layout);
  return layout;
}

/** Stands for all that a list has no room for. */
const MORE = 'and more';

function demandBounds({ files, links, folders }: Layout): void {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const largest = files.reduce((most, { size }) => Math.max(most, size), 0);
  const entries = files.length + links.length + folders.length;
  const isTooMuch =
    files.length > LIMITS.files ||
    bytes > LIMITS.totalBytes ||
    largest > LIMITS.fileBytes ||
    entries > LIMITS.entries;
  if (isTooMuch) throw unusable('manifest.json lists more than any Trial stores');
}

/** Nothing of these crosses to a verifier, in whatever Trial. */
const NEVER_CROSS: ReadonlySet<Skipped['reason']> = new Set(['Fifo', 'Device', 'Socket']);

/** What of the step's own verifier was given to it, or would have been, and is not stored; undefined where nothing is missing. */
export function missingIn(
  { skipped, links }: Layout,
  step: Pick<Step, 'artifacts' | 'uncopied'>,
): string | undefined {
  const crosses = crossingsOf(step).map(({ from }) => from);
  const known = new Set(links.map(({ path }) => path));
  const lost = skipped.find(({ path, reason }) => {
    if (path === MORE) return reason !== 'Symlink';
    const isTold = reason === 'Symlink' ? known.has(path) : NEVER_CROSS.has(reason);
    // Of a name that no key holds nothing crosses either.
    if (isTold || problemOfName(path) !== undefined) return false;
    return crosses.some((from) => isWithin(path, from) || isWithin(from, path));
  });
  return lost && (lost.path === MORE ? 'more than manifest.json lists' : `${lost.path} (${lost.reason})`);
}

/** Of Harbor's list of artifacts, `output/manifest.json`, what is asked of it. */
export interface ArtifactEntry {
  source: string;
  destination: string;
  type: 'file' | 'directory';
  status: string;
  exclude: string[];
}

const isEntry = (value: unknown): value is ArtifactEntry => {
  const { source, destination, type, status, exclude } = (value ?? {}) as Partial<
    Record<keyof ArtifactEntry, unknown>
  >;
  return (
    [source, destination, status].every(isText) &&
    (type === 'file' || type === 'directory') &&
    isList(exclude, isText)
  );
};

/** Reads the text of an `output/manifest.json`; a step without one has no artifacts. Throws SourceUnusable. */
export function readEntries(text: string | undefined): ArtifactEntry[] {
  if (text === undefined) return [];
  const entries = parsedJson(text);
  if (!isList(entries, isEntry)) throw unusable('its list of artifacts does not say what it should');
  return entries;
}

/**
 * The entry of each artifact that the step declares. Throws SourceMismatch for one that was never collected as it is declared now: a verifier would
 * judge without it, and nobody would know. One that the agent had not made was collected: it is missing again.
 */
export const entriesOf = (
  entries: readonly ArtifactEntry[],
  { artifacts }: Pick<Step, 'artifacts'>,
): ArtifactEntry[] =>
  artifacts.map(({ source, into, exclude = [] }) => {
    const entry = entries.find((one) => one.source === source && one.destination === `artifacts/${into}`);
    if (!entry || entry.status === 'skipped')
      throw mismatch(
        `the artifact ${source} was not collected as output/${into}; run the Trial again with its agent`,
      );
    if (entry.type === 'directory' && !isSameSet(entry.exclude, exclude))
      throw mismatch(
        `the artifact ${source} was collected without ${listed(entry.exclude)}, and is declared without ${listed(exclude)}`,
      );
    return entry;
  });

const isSameSet = (one: readonly string[], other: readonly string[]): boolean =>
  new Set([...one, ...other]).size === new Set(one).size && new Set(one).size === new Set(other).size;

const listed = (patterns: readonly string[]): string =>
  patterns.length === 0 ? 'nothing' : patterns.join(', ');
