/** What programs hand to a Sandbox and get from it. No behaviour. */
import type { SandboxSpec } from '../../crds/sandbox.ts';
import type { Entry, Size } from '../../wire/hand/protocol.ts';

/** Told while a program waits: `Pulling: pulling image "debian:13"`. */
export type OnProgress = (progress: { reason: string; message: string }) => void;

/** Of everything that can wait: rejects with the reason of `signal` once that fires. */
export interface Waiting {
  signal?: AbortSignal;
}

/** Where a Sandbox comes from: exactly one of them. */
export type Source =
  | { image: string }
  | { buildRef: NonNullable<SandboxSpec['buildRef']> }
  | { build: NonNullable<SandboxSpec['build']> }
  | { poolRef: string };

/** The fields of a Sandbox's spec that are taken as they are. */
type Kept =
  | 'resources'
  | 'user'
  | 'workdir'
  | 'allowPrivilegeEscalation'
  | 'runtimeClassName'
  | 'network'
  | 'scheduling'
  | 'ttlSeconds'
  | 'idleTimeoutSeconds'
  | 'deadline'
  | 'expiryAction'
  | 'volumes'
  | 'recreatePolicy'
  | 'owner';

export type CreateOptions = Source &
  Partial<Pick<SandboxSpec, Kept>> &
  Waiting & {
    executionBackend: 'kubernetes';
    /** Default: `sandbox-` and ten random characters. */
    name?: string;
    /** Variables of every command: values, or a key of a Secret in the namespace. */
    env?: Record<string, string | { secret: string; key: string }>;
    onProgress?: OnProgress;
    /** How long `init` waits for Ready, in milliseconds. Default: 10 minutes. */
    readyTimeoutMs?: number;
  };

export interface AttachSandboxOptions extends Waiting {
  onProgress?: OnProgress;
  readyTimeoutMs?: number;
}

/** Of every command. */
export interface CommandOptions {
  /** Ends the command and all of its session after so many milliseconds: TERM, then KILL 5 s later. Default: no limit. */
  timeoutMs?: number;
  /** Default: the Sandbox's, else the image's. */
  cwd?: string;
  /** On top of the Sandbox's. */
  env?: Record<string, string>;
  /** Name or number, perhaps with `:group`. Default: the Sandbox's, else the image's. */
  user?: string;
  /** Runs it on a terminal of this size: stdout has all that it writes. */
  pty?: Size;
}

export interface StartOptions extends CommandOptions {
  /** Names the command: to start it again under its name attaches to it. At most 64 of `[A-Za-z0-9._-]`. Default: random. */
  id?: string;
  /** Whether it has a stdin to write to. Default: it reads from /dev/null. */
  stdin?: boolean;
}

/** Bytes to write: a text is UTF-8. */
export type Contents = string | Uint8Array | AsyncIterable<Uint8Array | string>;

export interface RunOptions extends CommandOptions, Waiting {
  /** What it reads. Default: nothing, it reads from /dev/null. */
  stdin?: Contents;
  /** Told of every piece, in order; the program waits for the promise, if there is one. */
  onStdout?: (chunk: Buffer) => void | Promise<void>;
  onStderr?: (chunk: Buffer) => void | Promise<void>;
  /** Of each channel, the last so many bytes are in the result. Default: 16 MiB. */
  maxOutputBytes?: number;
  /** Rejects with CommandTimedOut where `timeoutMs` is over, in place of a result with `timedOut`. */
  throwOnTimeout?: boolean;
}

/** How a command ended. */
export interface CommandExit {
  /** Of a command that a signal ended: 128 and the signal's number, as shells say it. */
  exitCode: number;
  /** `SIGKILL`; missing where it ended by itself. */
  signal?: NodeJS.Signals;
  /** `timeoutMs` was over. */
  timedOut: boolean;
  /** Processes that the kernel has killed meanwhile because the memory was full. */
  oomKills: number;
}

export interface CommandResult extends CommandExit {
  /** As UTF-8; what is none is replaced by U+FFFD. `onStdout` has the bytes. */
  stdout: string;
  stderr: string;
  /** The beginning of a channel is missing: it was longer than `maxOutputBytes`. */
  truncated: boolean;
  /** As this program saw it. */
  durationMs: number;
}

export interface FileOptions extends Waiting {
  /** With whose rights, and whose the file becomes. Default: as for commands. */
  user?: string;
}

export interface WriteOptions extends FileOptions {
  /** Permissions, for example 0o755. Default: 0644. */
  mode?: number;
}

export interface ConnectOptions extends Waiting {
  /** Whose the socket is in there. Default: as for commands. */
  user?: string;
}

export interface TransferLimits {
  /** Of all files together. Default: 16 GiB. */
  maxBytes?: number;
  /** Files, folders and links. Default: 200,000. */
  maxEntries?: number;
}

export interface DownloadOptions extends FileOptions, TransferLimits {}

export interface Transferred {
  /** Files, folders and links. */
  entries: number;
  /** Of all files. */
  bytes: number;
}

export interface Downloaded extends Transferred {
  /** What was left out, the first 1,000: links that lead out of the folder, devices, FIFOs. */
  skipped: { path: string; why: string }[];
}

/** A file or folder in a Sandbox. Times are milliseconds since the epoch. */
export type FileEntry = Entry;
