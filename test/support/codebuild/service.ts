/** What a caller of the service sees of it. */
import type { Clock } from '../../../src/async/clock.ts';
import type { Executor } from './executor.ts';
import type { Fault, Injected } from './faults.ts';
import type { LogSink } from './log-sink.ts';
import type { Build, Project } from './model.ts';

/** Keys that may call the service. One with an `expiration` (epoch milliseconds) in the past is refused as expired. */
export interface KnownCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  expiration?: number;
  /** Shown as the builds' initiator and in refusals; default `operator`. */
  userName?: string;
  /** Whose keys these are; default: the user of that name. */
  arn?: string;
}

/** Why somebody may not do this (`codebuild:StartBuild`, ARN of a project), by their policies; undefined: they may. */
export type Policies = (asked: { action: string; resource: string }) => string | undefined;

export interface CodeBuildOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default: a free one. */
  port?: number;
  region: string;
  account: string;
  /** Read anew for every request: changing an entry expires or adds credentials. */
  credentials: KnownCredentials | KnownCredentials[];
  projects: Record<string, Project>;
  /** Builds that run at the same time; default 60. */
  quota?: number;
  /** Builds that wait; default five times the quota. */
  queueLimit?: number;
  executor: Executor;
  logs: LogSink;
  clock?: Clock;
  /** Milliseconds in a minute of a timeout; default 60,000. Tests of timeouts shorten it. */
  minuteMs?: number;
}

/** One request, in the order of arrival. */
export interface Call {
  operation: string;
  /** Epoch milliseconds. */
  at: number;
  /** The body, undefined where it was not JSON. */
  request: unknown;
  /** HTTP status; undefined while unanswered, and where the answer was lost. */
  status?: number;
  /** Code of the error that was answered. */
  error?: string;
}

export interface CodeBuildService {
  /** `http://host:port`. Who comes this way may do everything. */
  url: string;
  /** Opens another address of the same, where everybody is held to these policies. */
  door(policies: Policies): Promise<string>;
  /** Every request so far; empty it to count anew. */
  calls: Call[];
  /** Every build so far, in the order of their start; live records. */
  builds: readonly Build[];
  inject(fault: Fault): Injected;
  /** What a person does in the console: the build with this id ends STOPPED. */
  stop(buildId: string): void;
  /** Ends the server and every running build; resolves when their processes are gone. */
  close(): Promise<void>;
}
