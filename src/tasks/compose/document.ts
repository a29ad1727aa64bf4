/** The text of a docker-compose.yaml → plain JSON, within bounds: whoever wrote it may mean harm. */
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';
import { posix } from 'node:path';
import { isRecord } from '../../text/json.ts';
import { isWithin } from '../../wire/pod-paths.ts';

/** The file of a task, as in Harbor; other names that Compose knows are not looked for. */
export const COMPOSE_FILE = 'environment/docker-compose.yaml';

/** Bytes of the file. Those of tasks have 1 to 4 KiB. */
export const COMPOSE_MAX_BYTES = 64 * 1024;
/** Values in it, with aliases and merge keys written out. */
const VALUES_MAX = 10_000;
const DEPTH_MAX = 32;
/** Bytes of it as JSON. */
const JSON_MAX_BYTES = 96 * 1024;

export type Table = Record<string, unknown>;

/** What a task's compose file says, without what it means: as it is stored in `metadata.json`. */
export interface ComposeSource {
  /** JSON values alone; variables are not filled in. */
  document: Table;
  /** Texts of the files with variables that it names, and of `.env`, by their paths in the task. */
  env_files?: Record<string, string>;
}

export type DocumentRead = { document: Table } | { fault: string };

/** Never throws. `fault` goes on after the file's name. */
export function readDocument(text: string): DocumentRead {
  const bytes = Buffer.byteLength(text);
  if (bytes > COMPOSE_MAX_BYTES)
    return { fault: `has ${bytes} bytes; expected at most ${COMPOSE_MAX_BYTES}` };
  try {
    const document = bounded(load(text, YAML));
    if (!isRecord(document)) return { fault: 'is no mapping; expected one with services' };
    const size = Buffer.byteLength(JSON.stringify(document));
    if (size <= JSON_MAX_BYTES) return { document };
    return {
      fault: `comes to ${size} bytes with its aliases written out; expected at most ${JSON_MAX_BYTES}`,
    };
  } catch (error) {
    if (error instanceof TooMuch) return { fault: error.message };
    return { fault: `is not valid YAML: ${(error as Error).message.split('\n', 1)[0]}` };
  }
}

/** As Compose reads it: YAML 1.2 with merge keys. Tags such as `!reset` are for several files over each other. */
const YAML = {
  schema: CORE_SCHEMA.withTags(mergeTag),
  maxDepth: DEPTH_MAX,
  maxAliases: 1000,
  maxTotalMergeKeys: VALUES_MAX,
};

/** A copy of plain JSON within the bounds of a document. Throws TooMuch. */
const bounded = (value: unknown): unknown => written(value, { left: VALUES_MAX }, DEPTH_MAX);

/** Whether a document that somebody stored is within the bounds. */
export function isBounded(document: Table): boolean {
  try {
    bounded(document);
    return true;
  } catch {
    return false;
  }
}

class TooMuch extends Error {
  override readonly name = 'TooMuch';
}

/** A copy in which nothing is shared; an alias within what it stands for has no end, and meets the bound. */
function written(value: unknown, budget: { left: number }, depth: number): unknown {
  budget.left -= 1;
  if (budget.left < 0) throw new TooMuch(`has more than ${VALUES_MAX} values with its aliases written out`);
  if (depth === 0) throw new TooMuch(`is nested deeper than ${DEPTH_MAX} levels`);
  if (Array.isArray(value)) return value.map((item) => written(item, budget, depth - 1));
  if (!isRecord(value)) return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  // A key such as __proto__ stays a key.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, written(item, budget, depth - 1)]),
  );
}

/** Files with variables that a document names, by their paths in the task; those of services, and the `.env` that Compose reads by itself. */
export function envFilesOf({ services }: Table): string[] {
  const named = Object.values(isRecord(services) ? services : {}).flatMap((service) =>
    isRecord(service) ? envFilePaths(service['env_file']) : [],
  );
  return [...new Set(['.env', ...named])].flatMap((path) => inEnvironment(path) ?? []);
}

/** Of one service: a path, a list of them, or tables with `path`. */
const envFilePaths = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).flatMap((item): string[] => {
    if (typeof item === 'string') return [item];
    return isRecord(item) && typeof item['path'] === 'string' ? [item['path']] : [];
  });

/** A relative path of the file's as one in the task; undefined for what lies outside of `environment/`. A folder has no closing slash. */
export function inEnvironment(path: string): string | undefined {
  if (posix.isAbsolute(path) || path.includes('\\') || path.includes('\0')) return undefined;
  const whole = posix.join('environment', path).replace(/(.)\/$/, '$1');
  return isWithin(whole, 'environment') ? whole : undefined;
}
