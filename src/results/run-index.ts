/**
 * Pure: `jobs/<job>/index/`, the records of a run's Trials for readers of whole runs. Shards hold the records, never change and are named by
 * what they hold; `manifest.json` lists those that count. A record that is not in a listed shard is not in the index.
 */
import { parsedJson } from '../text/json.ts';
import { gunzipSync, gzipSync } from 'node:zlib';
import Value from 'typebox/value';
import { sha256 } from '../crds/names.ts';
import { Type } from '../crds/schema.ts';
import { isTrialRecord, type TrialRecord } from './record.ts';

/** A shard has at most so many records, and so many bytes as it is stored. */
export const SHARD_MAX_RECORDS = 2000;
export const SHARD_MAX_BYTES = 256 * 1024;
/** And so many bytes when it is unpacked. */
const SHARD_MAX_TEXT = 4 * 1024 ** 2;
export const INDEX_MANIFEST_MAX_BYTES = 2 * 1024 ** 2;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const Shard = Type.Object({
  /** `<number of its first record>-<beginning of the SHA-256 of its text>.ndjson.gz` */
  name: Type.String({ pattern: '^[0-9]{7,}-[0-9a-f]{16}\\.ndjson\\.gz$', maxLength: 48 }),
  /** How many records the shards before it have. */
  first: Count,
  records: Count,
  /** As it is stored, and unpacked. */
  bytes: Count,
  text_bytes: Count,
  /** It is full: nothing is added to it any more. Those that are not may be put together to one. */
  sealed: Type.Boolean(),
});
export type Shard = Type.Static<typeof Shard>;

export const IndexManifest = Type.Object({
  schema_version: Type.Literal(1),
  run: Type.String({ minLength: 1, maxLength: 63 }),
  /** Whose Trials these are; the operator counts no others. */
  namespace: Type.String({ minLength: 1, maxLength: 63 }),
  records: Count,
  shards: Type.Array(Shard, { maxItems: 8192 }),
});
export type IndexManifest = Type.Static<typeof IndexManifest>;

/** The index of a run in which nothing has ended. */
export const emptyManifest = (run: string, namespace: string): IndexManifest => ({
  schema_version: 1,
  run,
  namespace,
  records: 0,
  shards: [],
});

/** What lies where an index should be is none. */
export class IndexBroken extends Error {
  override readonly name = 'IndexBroken';
}

/** The manifest in these bytes. Throws IndexBroken. */
export function readIndexManifest(contents: Uint8Array, key: string): IndexManifest {
  const manifest = parsedJson(Buffer.from(contents).toString('utf8'));
  if (Value.Check(IndexManifest, manifest)) return manifest;
  throw new IndexBroken(`${key} is no manifest of an index`);
}

/** A shard that is to be stored. */
export interface PackedShard {
  shard: Shard;
  body: Uint8Array;
}

/** Records as shards, the first of them the run's number `first`. All are sealed but the last. */
export function packShards(records: readonly TrialRecord[], first: number): PackedShard[] {
  const packed: PackedShard[] = [];
  let next = first;
  for (const text of pieces(records.map((record) => `${JSON.stringify(record)}\n`))) {
    packed.push(packOne(text, next));
    next += text.length;
  }
  return packed.map(({ shard, body }, index) => ({
    shard: { ...shard, sealed: index < packed.length - 1 },
    body,
  }));
}

const sizeOf = (lines: readonly string[]): number =>
  lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);

/** As few pieces as the limits allow, of those that halving leads to. */
function pieces(lines: readonly string[]): string[][] {
  if (lines.length > SHARD_MAX_RECORDS)
    return [lines.slice(0, SHARD_MAX_RECORDS), lines.slice(SHARD_MAX_RECORDS)].flatMap(pieces);
  const tooLarge =
    lines.length > 1 && (sizeOf(lines) > SHARD_MAX_TEXT || gzipSync(lines.join('')).length > SHARD_MAX_BYTES);
  if (!tooLarge) return lines.length > 0 ? [[...lines]] : [];
  const half = Math.ceil(lines.length / 2);
  return [lines.slice(0, half), lines.slice(half)].flatMap(pieces);
}

function packOne(lines: readonly string[], first: number): PackedShard {
  const text = lines.join('');
  const body = gzipSync(text);
  const name = `${String(first).padStart(7, '0')}-${sha256(text).slice(0, 16)}.ndjson.gz`;
  const shard = {
    name,
    first,
    records: lines.length,
    bytes: body.length,
    text_bytes: sizeOf(lines),
    sealed: false,
  };
  return { shard, body };
}

/** The records of a stored shard. Throws IndexBroken for anything but what the manifest lists. */
export function readShard(body: Uint8Array, shard: Shard): TrialRecord[] {
  const text = unpacked(body, shard);
  if (!shard.name.includes(`-${sha256(text).slice(0, 16)}.`))
    throw new IndexBroken(`${shard.name} holds something else than its name says`);
  const records = text.split('\n').slice(0, -1).map(parsedJson);
  if (records.length === shard.records && records.every(isTrialRecord)) return records;
  throw new IndexBroken(`${shard.name} does not hold the ${shard.records} records that its manifest lists`);
}

function unpacked(body: Uint8Array, { name }: Shard): string {
  try {
    return gunzipSync(body, { maxOutputLength: SHARD_MAX_TEXT }).toString('utf8');
  } catch (cause) {
    throw new IndexBroken(`${name} cannot be unpacked`, { cause });
  }
}

/** Where the shards begin that are not sealed: position in the list. */
export function tailStart({ shards }: IndexManifest): number {
  return shards.findLastIndex(({ sealed }) => sealed) + 1;
}

/** Small shards that a reader has to put up with: as many again are put together to one. */
const TAIL_MAX_SHARDS = 16;

export interface Addition {
  /** Records of the shards that are not sealed, in their order. */
  tail: readonly TrialRecord[];
  fresh: readonly TrialRecord[];
  /** Nothing more is expected: the small shards become one. */
  complete: boolean;
}

/** The index with `fresh` in it, and the shards that have to be stored before its manifest. */
export function extended(
  manifest: IndexManifest,
  { tail, fresh, complete }: Addition,
): { manifest: IndexManifest; stored: PackedShard[]; tail: TrialRecord[] } {
  const start = tailStart(manifest);
  const small = manifest.shards.length - start;
  const together =
    (complete && small > 0) || small >= TAIL_MAX_SHARDS || tail.length + fresh.length > SHARD_MAX_RECORDS;
  const kept = together ? manifest.shards.slice(0, start) : manifest.shards;
  const added = together ? [...tail, ...fresh] : fresh;
  const records = manifest.records + fresh.length;
  const stored = packShards(added, records - added.length);
  const next = { ...manifest, records, shards: [...kept, ...stored.map(({ shard }) => shard)] };
  const unsealed = next.shards.slice(tailStart(next)).reduce((sum, shard) => sum + shard.records, 0);
  return { manifest: next, stored, tail: unsealed === 0 ? [] : [...tail, ...fresh].slice(-unsealed) };
}

/** A run that has more takes in no more: its aggregate is kept in memory while it is at work. 100,000 Trials are about 60 MiB. */
const INDEX_MAX_TEXT = 128 * 1024 ** 2;
const INDEX_MAX_SHARDS = 4096;

export const isFull = ({ shards }: IndexManifest): boolean =>
  shards.length >= INDEX_MAX_SHARDS ||
  shards.reduce((sum, { text_bytes }) => sum + text_bytes, 0) >= INDEX_MAX_TEXT;
