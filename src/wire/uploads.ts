/**
 * How files get into the store and out of it, at the broker: `POST /v1/uploads` with an UploadRequest → UploadResponse (Pods of Trials),
 * `POST /v1/source` with a SourceRequest → SourceResponse (Pods of regrades), `GET /v1/context` → ContextResponse (Pods of TaskBuilds); and `manifest.json`, which lists what was stored. Failures are
 * `{ "error": string }` with 401 (token), 403 (not this Pod's), 404, 413 (too many files), 503 (retry).
 */

/** A file that the courier wants to store. */
export interface UploadFile {
  /** Path under the Trial's prefix, with `/`, without `.` and `..`. */
  path: string;
  /** Bytes. */
  size: number;
  /** SHA-256 of the contents in hex; the store refuses other contents. */
  sha256: string;
}

/**
 * A grant is good for so long, as the store itself sees to: less than passes between the silence of a node and the next attempt, by the tolerations and
 * the grace period of a Trial's Pod. A node that comes back goes on in the middle of what it did, and the files of its attempt must not lie
 * over those of the next one. The courier begins nothing with a grant that is half as old, and the broker gives none on a cache that has not heard
 * of the API server lately (`STALE_MS`): it may have been frozen with that node.
 */
export const GRANT_SECONDS = 60;

/** At most this many files in one request. */
export const UPLOAD_BATCH = 500;

export interface UploadRequest {
  files: UploadFile[];
}

/** One entry a file, in the request's order. Every header must be sent as it is. */
export interface UploadResponse {
  uploads: { url: string; headers: Record<string, string> }[];
}

/** Files of the Trial that is judged again, by their paths under its prefix; as many as of an UploadRequest. */
export interface SourceRequest {
  paths: string[];
}

/** URLs in the request's order. A file that is not there is told by its URL. */
export interface SourceResponse {
  urls: string[];
}

/** Where a build's context archive can be had for the next minutes. */
export interface ContextResponse {
  url: string;
  /** What its SHA-256 must be, in hex. */
  sha256: string;
}

/** Something in `/logs` that was not stored. */
export interface Skipped {
  path: string;
  reason:
    | 'Symlink'
    | 'Fifo'
    | 'Device'
    | 'Socket'
    | 'TooLarge'
    | 'TooMany'
    | 'TooDeep'
    | 'Unreadable'
    /** A name that a store keeps for itself, or that no listing shows. */
    | 'Reserved'
    | 'Changed'
    /** Its name has the value of a secret in it. */
    | 'Secret'
    /** The store took other files and not this one. */
    | 'Refused';
}

/** A file as `manifest.json` lists it. */
export interface StoredFile extends UploadFile {
  /** Somebody may execute it. */
  executable?: true;
  /** Values of secrets were in it, and gave way to asterisks. */
  scrubbed?: true;
}

/** A link that a container left; stored as these words alone. */
export interface StoredLink {
  path: string;
  /** Where it leads, as it says itself. */
  target: string;
}

/** `manifest.json`: everything that was stored, each path once. Only `outcome.json` is written after it. */
export interface Manifest {
  version: 1;
  trial: { namespace: string; name: string; uid: string; attempt: number };
  files: StoredFile[];
  skipped: Skipped[];
  /** What no file tells of: links, and folders in which nothing was found. With them what the agent left can be laid out again. */
  links: StoredLink[];
  folders: string[];
}

/** Nobody reads a larger `manifest.json`. */
export const MANIFEST_MAX_BYTES = 24 * 1024 ** 2;
