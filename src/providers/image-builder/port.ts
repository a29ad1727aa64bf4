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
  context: { kind: 's3' } | { kind: 'configMap'; name: string };
  /** Path of the Dockerfile within the context. */
  dockerfile: string;
  target?: string;
  platform: string;
  buildArgs: Record<string, string>;
  timeoutSeconds: number;
}

/** A started build. */
export interface BuildHandle {
  /** The builder's own id. */
  id: string;
  namespace: string;
  consoleUrl?: string;
  logUrl?: string;
}

export type BuildState =
  | { kind: 'queued' }
  | { kind: 'running'; since?: string }
  /** Ended well; `digest` is `sha256:…` of what was pushed. */
  | { kind: 'succeeded'; digest: string }
  | { kind: 'failed'; reason: BuildFailedReason; message: string; logTail: string[] }
  /** The builder knows no such build. */
  | { kind: 'unknown' };

export interface ImageBuilder {
  readonly backend: 'BuildKit' | 'CodeBuild';
  /** How often `states` is worth a call, in milliseconds. */
  readonly pollMs: number;
  start(build: Build): Promise<BuildHandle>;
  /** State by handle id. */
  states(handles: BuildHandle[]): Promise<Map<string, BuildState>>;
  /** Ends a build and removes what it left at the builder; one that is not there is fine. */
  stop(handle: BuildHandle): Promise<void>;
}
