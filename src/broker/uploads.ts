/** Pure: which files a courier may store, and where. */
import { MANIFEST_MAX_BYTES, UPLOAD_BATCH } from '../wire/uploads.ts';
import { OUTCOME_MAX_BYTES } from '../wire/limits.ts';
import type { UploadFile } from '../wire/uploads.ts';
import { trialPrefix } from '../results/keys.ts';
import type { Trial } from '../crds/trial.ts';
import { problemOfPath } from '../wire/upload-paths.ts';
import { isRefused, refused } from './refusal.ts';
import type { Refused } from './refusal.ts';

/** Longest key that S3 takes, in bytes of UTF-8. */
const KEY_MAX_BYTES = 1024;
const FILE_MAX_BYTES = 2 * 1024 ** 3;
/** What the courier writes about a Trial; whoever reads them reads no more. */
const OWN_MAX_BYTES: Record<string, number> = {
  'manifest.json': MANIFEST_MAX_BYTES,
  'outcome.json': OUTCOME_MAX_BYTES,
  'trial.log': 8 * 1024 ** 2,
};

const maxBytes = (path: string): number =>
  Object.hasOwn(OWN_MAX_BYTES, path) ? (OWN_MAX_BYTES[path] ?? 0) : FILE_MAX_BYTES;

/** A file that may be stored, and under which key. */
export interface Upload {
  key: string;
  /** Bytes. */
  size: number;
  /** In hex. */
  sha256: string;
}

const quoted = (path: string): string => JSON.stringify(path.slice(0, 200));

function uploadOf(trial: Trial, { path, size, sha256 }: UploadFile): Upload | Refused {
  const key = trialPrefix(trial) + path;
  const problem = problemOfPath(path);
  if (problem !== undefined) return refused(403, 'PathRefused', `path ${quoted(path)} ${problem}`);
  if (Buffer.byteLength(key) > KEY_MAX_BYTES)
    return refused(
      403,
      'PathRefused',
      `path ${quoted(path)} makes a key of more than ${KEY_MAX_BYTES} bytes`,
    );
  if (size > maxBytes(path))
    return refused(413, 'TooLarge', `${quoted(path)} is too large with ${size} bytes`);
  return { key, size, sha256 };
}

const isFile = (value: unknown): value is UploadFile => {
  const { path, size, sha256 } = (value ?? {}) as Partial<Record<keyof UploadFile, unknown>>;
  return (
    typeof path === 'string' &&
    Number.isSafeInteger(size) &&
    Number(size) >= 0 &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
};

const isGranted = (upload: Upload | Refused): upload is Upload => !isRefused(upload);

/** What an UploadRequest asks for, all of it under the Trial's own prefix; refused as a whole where one file is not right. */
export function uploadsOf(trial: Trial, request: unknown): Upload[] | Refused {
  const files = (request as { files?: unknown } | null)?.files;
  if (!Array.isArray(files)) return refused(400, 'BadRequest', 'files is not a list');
  if (files.length > UPLOAD_BATCH)
    return refused(413, 'TooLarge', `${files.length} files; at most ${UPLOAD_BATCH} in one request`);
  if (!files.every(isFile))
    return refused(400, 'BadRequest', 'every file needs a path, a size in bytes and a sha256 in hex');
  const uploads = files.map((file) => uploadOf(trial, file));
  return uploads.find(isRefused) ?? uploads.filter(isGranted);
}
