/** What the service keeps of projects and builds: the members of AWS's own `Project` and `Build` that it supports, by AWS's names. */

export type BuildStatus = 'SUCCEEDED' | 'FAILED' | 'FAULT' | 'TIMED_OUT' | 'IN_PROGRESS' | 'STOPPED';

/** In the order in which a build goes through them. */
export const PHASE_TYPES = [
  'SUBMITTED',
  'QUEUED',
  'PROVISIONING',
  'DOWNLOAD_SOURCE',
  'INSTALL',
  'PRE_BUILD',
  'BUILD',
  'POST_BUILD',
  'UPLOAD_ARTIFACTS',
  'FINALIZING',
  'COMPLETED',
] as const;

export type PhaseType = (typeof PHASE_TYPES)[number];

export interface PhaseContext {
  statusCode: string;
  message: string;
}

/** Times are epoch milliseconds here, epoch seconds on the wire. `COMPLETED` has neither status nor end. */
export interface BuildPhase {
  phaseType: PhaseType;
  phaseStatus?: BuildStatus;
  startTime: number;
  endTime?: number;
  contexts?: PhaseContext[];
}

export interface EnvironmentVariable {
  name: string;
  value: string;
  /** AWS has PARAMETER_STORE as well; the service refuses it. */
  type: 'PLAINTEXT' | 'SECRETS_MANAGER';
}

export interface ExportedVariable {
  name: string;
  value: string;
}

export interface Source {
  type: 'S3' | 'NO_SOURCE';
  /** `bucket/path/name.zip` for S3. */
  location?: string;
  /** The build specification itself. */
  buildspec?: string;
}

export interface Environment {
  type: string;
  image: string;
  computeType: string;
  privilegedMode: boolean;
  environmentVariables: EnvironmentVariable[];
  imagePullCredentialsType?: string;
}

/** A project as an administrator made it. Only what a test wants to differ from AWS's defaults has to be given. */
export interface Project {
  source?: Source;
  environment?: Partial<Environment>;
  serviceRole?: string;
  /** Default 60. */
  timeoutInMinutes?: number;
  /** Default 480. */
  queuedTimeoutInMinutes?: number;
  /** Undefined: only the account's quota limits its builds. With it, builds past it are refused, not queued. */
  concurrentBuildLimit?: number;
  logGroup?: string;
  /** True hides the log: no stream, no links. */
  logsDisabled?: boolean;
}

export interface BuildLogs {
  enabled: boolean;
  groupName: string;
  streamName: string;
  /** True from PROVISIONING on. */
  created: boolean;
}

/** One build, as the service knows it at this moment. */
export interface Build {
  /** `<project>:<uuid>`. */
  id: string;
  arn: string;
  projectName: string;
  buildNumber: number;
  initiator: string;
  buildStatus: BuildStatus;
  buildComplete: boolean;
  currentPhase: PhaseType;
  phases: BuildPhase[];
  startTime: number;
  endTime?: number;
  source: Source;
  /** S3: the version id of the zip; undefined is the newest. */
  sourceVersion?: string;
  environment: Environment;
  serviceRole: string;
  timeoutInMinutes: number;
  queuedTimeoutInMinutes: number;
  exportedEnvironmentVariables: ExportedVariable[];
  logs: BuildLogs;
}
