/**
 * What broker and courier say to each other, and what the courier leaves behind. JSON over HTTPS; the courier's projected token is the
 * bearer. Both ends are of one image, so there is one version.
 *
 *   GET  /v1/plan                     → Plan              (pods of Trials)
 *   POST /v1/uploads  UploadRequest   → UploadResponse    (pods of Trials)
 *   GET  /v1/context                  → ContextResponse   (pods of TaskBuilds)
 *
 * Failures are `{ "error": string }` with 401 (token), 403 (not this pod's), 404, 413 (too many files), 503 (try again).
 */
import type { Healthcheck } from './environment.ts';
import type { BackgroundProcesses, TrialSpec } from './trial.ts';

export type { Outcome, StoredOutcome } from './outcome.ts';

/** Where things lie in the Pod. */
export const POD_PATHS = {
  /** Shared volume: the courier writes, the task container reads only. Holds busybox, run.sh, the FIFOs and staged inputs. */
  control: '/sb',
  /** Volume that the task container writes and the courier reads. */
  logs: '/logs',
  /** The task's ConfigMap, mounted into the courier alone. */
  task: '/sb-task',
  /** The projected token, mounted into the courier alone. */
  token: '/var/run/secrets/sb-broker/token',
} as const;

/** Names of the Pod's containers. */
export const CONTAINERS = { courier: 'courier', task: 'task', context: 'context', build: 'build' } as const;

/** A variable for a phase: its value, or the name of the courier's own variable that the kubelet filled from a Secret. */
export type PlanVariable = { name: string; value: string } | { name: string; courierVariable: string };

/** The courier's own variable that holds the secret value of entry `index` of `spec.agent.env`. */
export const agentVariable = (index: number): string => `SB_SECRET_AGENT_${index}`;

/** The same for `spec.verifier.env`. */
export const verifierVariable = (index: number): string => `SB_SECRET_VERIFIER_${index}`;

/** User, directory and start command out of the image's config in the registry. */
export interface ImageConfig {
  /** `USER`, as written: name or number, perhaps with `:group`; empty for root. */
  user: string;
  /** `WORKDIR`; `/` where the image has none. */
  workdir: string;
  entrypoint: string[];
  cmd: string[];
}

/** What the courier is to do. Values of the Trial's spec; where one is missing, task.toml decides. */
export interface Plan {
  trial: { namespace: string; name: string; uid: string; attempt: number };
  /** The task: an archive to download, or the folder `POD_PATHS.task` in flattened keys (`tests__test.sh`). */
  task: {
    name: string;
    /** What its files must hash to, where the Trial says so. */
    version?: string;
    source: { kind: 'archive'; url: string } | { kind: 'configMap' };
  };
  image: ImageConfig;
  /** Names that `spec.environment.env` sets in the task container: they go before task.toml's. */
  environmentVariables: string[];
  workdir?: string;
  user?: string;
  healthcheck?: Healthcheck;
  agent: {
    name: string;
    model?: string;
    env: PlanVariable[];
    timeoutSeconds?: number;
    setupTimeoutSeconds: number;
    user?: string;
    /** What the agent leaves running: kept for the tests, or ended before they appear. */
    backgroundProcesses: BackgroundProcesses;
    install?: string;
    run?: string;
  };
  verifier: { disabled: boolean; env: PlanVariable[]; timeoutSeconds?: number; user?: string };
  artifacts: NonNullable<TrialSpec['artifacts']>;
  /** False: keep the files to yourself, report the reward alone. */
  upload: boolean;
}

/** A file that the courier wants to store. */
export interface UploadFile {
  /** Path under the Trial's prefix, with `/`, without `.` and `..`. */
  path: string;
  /** Bytes. */
  size: number;
  /** SHA-256 of the contents in hex; the store refuses other contents. */
  sha256: string;
}

/** At most this many files in one request. */
export const UPLOAD_BATCH = 500;

export interface UploadRequest {
  files: UploadFile[];
}

/** One entry a file, in the request's order. Every header must be sent as it is. */
export interface UploadResponse {
  uploads: { url: string; headers: Record<string, string> }[];
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
    /** The store took other files and not this one. */
    | 'Refused';
}

/** `manifest.json`: everything that was stored, each path once. Only `outcome.json` is written after it. */
export interface Manifest {
  version: 1;
  trial: { namespace: string; name: string; uid: string; attempt: number };
  files: UploadFile[];
  skipped: Skipped[];
}

/** Nobody reads a larger `manifest.json`. */
export const MANIFEST_MAX_BYTES = 24 * 1024 ** 2;
/** The operator reads no larger `outcome.json`. */
export const OUTCOME_MAX_BYTES = 16 * 1024;
/** Longest termination message: the kubelet cuts what is longer, in the middle of whatever it is. */
export const MESSAGE_MAX_BYTES = 4096;
