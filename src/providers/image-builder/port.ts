/** Makes images out of build contexts. Failures of the call itself are `ProviderError`; a failed build is a value. */
import type { BuildFailedReason } from '../../crds/reasons.ts';

/** A build to start. The same `token` started twice is one build. */
export interface Build {
  /** Idempotency token; also the name of what the builder creates. A DNS-1123 label. */
  token: string;
  /** The TaskBuild that it is for; children are owned by it. */
  owner: { namespace: string; name: string; uid: string };
  attempt: number;
  /** Reference to push to, with its tag. */
  image: string;
  context: BuildContext;
  /** Path of the Dockerfile within the context. */
  dockerfile: string;
  target?: string;
  platform: string;
  buildArgs: Record<string, string>;
  timeoutSeconds: number;
  /** Limit of waiting for its start, where the builder keeps one; default: the builder’s own. */
  queueTimeoutSeconds?: number;
  /** Where a builder without a warm daemon finds layers of earlier builds, as a reference with its tag, and whether it leaves its own there. */
  layers?: { reference: string; keep: boolean };
  /** Login for base images: name of what the builder keeps logins in. */
  secret?: string;
  /** When the token was recorded, in ISO 8601: no build of its is older. */
  openedTime?: string;
  /** `start` may have been called with this token before, longer than `tokenLifeMs` ago. */
  mayExist?: boolean;
}

/**
 * Where the files of a build come from: an archive, `s3://bucket/key`, or a ConfigMap. `sha256`, in hex, is of the archive, or `filesHash` of the
 * ConfigMap: what has another one is not built. An archive may be pinned to a version of its object.
 */
export type BuildContext =
  | { kind: 's3'; uri: string; versionId?: string; sha256: string }
  | { kind: 'configMap'; name: string; sha256: string };

/** A started build. */
export interface BuildHandle {
  /** The builder's own id. */
  id: string;
  namespace: string;
  consoleUrl?: string;
  logUrl?: string;
}

/** A stage of the builder’s own work, such as CodeBuild’s PROVISIONING, that has ended. */
export interface BuildPhase {
  name: string;
  seconds: number;
}

/** What a builder may tell of a build that has begun. */
interface Account {
  phases?: BuildPhase[];
  /** Known once the log exists. */
  logUrl?: string;
}

/** A build that failed. */
export interface BuildFailure {
  reason: BuildFailedReason;
  /** One sentence, naming the step where one failed. */
  message: string;
  /** Last lines of the log, without escape sequences. */
  logTail: string[];
  /** Instruction of the Dockerfile that failed: `RUN pip install x`. */
  failedStep?: string;
}

export type BuildState =
  | { kind: 'queued' }
  /** ISO 8601. `timeoutFrom`: from when its timeout counts, where that is not `since`; ahead of now while it is prepared. */
  | ({ kind: 'running'; since?: string; timeoutFrom?: string } & Account)
  /** Ended well; `digest` is `sha256:…` of what was pushed. */
  | ({ kind: 'succeeded'; digest: string } & Account)
  | ({ kind: 'failed' } & BuildFailure & Account)
  /** The builder knows no such build. */
  | { kind: 'unknown' };

export interface ImageBuilder {
  readonly backend: 'BuildKit' | 'CodeBuild';
  /** How often `states` is worth a call, in milliseconds. */
  readonly pollMs: number;
  /** How long after its first `start` a token is certain to be known, in milliseconds. A later `start` with it says `mayExist`. */
  readonly tokenLifeMs: number;
  /**
   * @throws ProviderError: `QuotaExceeded` where the builder takes no more builds just now; `NotFound` where the builder itself is
   * missing; `Invalid` for a build that it will never take, and for a token that belongs to another TaskBuild.
   */
  start(build: Build): Promise<BuildHandle>;
  /** State by handle id. */
  states(handles: BuildHandle[]): Promise<Map<string, BuildState>>;
  /** Ends a build and removes what it left at the builder; one that is not there is fine. */
  stop(handle: BuildHandle): Promise<void>;
}
