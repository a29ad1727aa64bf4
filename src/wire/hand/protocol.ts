/**
 * What courier and `sbd` say to each other; `docs/hand-protocol.md` tells the whole story. In short:
 *
 * `sbd` is the first process of the task container. It never listens: it connects to the Unix socket that the courier has made in the control
 * volume, says `hello`, and carries out what it is asked for. Both sides send frames (`frames.ts`): a type, a stream and a payload of at most
 * 64 KiB. Stream 0 is the connection itself. The courier opens every other stream with `open`, and `sbd` ends it with exactly one of `exit`,
 * `result` and `error`.
 *
 * Bytes flow in `data` frames that carry their offset, and only as far as the receiver has allowed: `WINDOW` bytes beyond the start, then as
 * far as its last `credit`. So a slow reader stops the program, and neither side holds more than a window for a channel.
 *
 * A command belongs to the container and not to the connection. After a break the courier attaches to it again by its name, from the offset it
 * wants; `started` says from where it can be had, so a gap is never silent.
 */

/** Another `major` is refused; a higher `minor` may know more types of frames, which are skipped. */
export const PROTOCOL = { major: 1, minor: 0 } as const;

/** Bytes that may be on their way on one channel of one stream. */
export const WINDOW = 256 * 1024;
/** The same for what the courier sends. */
export const STDIN_WINDOW = 64 * 1024;
/** A request in several parts is no longer. */
export const REQUEST_MAX = 1024 * 1024;
/** Streams at a time. */
export const STREAMS_MAX = 1024;
/** Commands at a time, together with those that have ended and not been closed. */
export const COMMANDS_MAX = 256;

/** `input`: what the courier sends · `output`: a command's stdout or its terminal, or what a file operation yields · `error`: stderr. */
export const CHANNEL = { input: 0, output: 1, error: 2 } as const;
export type Channel = (typeof CHANNEL)[keyof typeof CHANNEL];

/** Why something was not done: one closed list for both languages, with what each means. */
export const REASONS = {
  BadFrame: 'the frame is no frame of this protocol; the connection ends',
  UnsupportedVersion: 'the other side speaks another major version; the connection ends',
  NotProven: 'the other side does not know the secret; the connection ends',
  BadRequest: 'the request is not understood, or a frame does not fit its stream',
  TooLarge: 'something is beyond its limit',
  TooManyStreams: 'there are as many streams as there may be',
  TooManyCommands: 'there are as many commands as there may be',
  TooManyWatches: 'there are as many watches, or watched folders, as there may be',
  TooManyProcesses: 'the kernel allows no further process',
  CommandExists: 'a command of that name exists: attach to it',
  CommandMissing: 'no command has that name',
  Cancelled: 'the courier closed the stream',
  Killed: 'the process that worked on it was killed',
  UserMissing: 'the image has no such user',
  UserForbidden: 'the user has the number of the courier’s own user',
  WorkdirMissing: 'the image has no such directory',
  InterpreterMissing: 'the image has no such interpreter',
  ProgramMissing: 'the image has no such program',
  NotExecutable: 'the kernel does not run the program',
  NotFound: 'there is no such file',
  Exists: 'there is such a file already',
  NotPermitted: 'the user may not do that',
  NotRegular: 'that is a FIFO, a socket, a device or a link, where a file is needed',
  NotDirectory: 'that is no directory',
  IsDirectory: 'that is a directory',
  NotEmpty: 'the directory is not empty',
  NoSpace: 'the disk is full, or a quota is reached',
  ReadOnly: 'the file system is read-only',
  BadArchive: 'the archive is cut, or holds what may not be unpacked',
  ConnectionRefused: 'nothing answers on that port of localhost',
  ConnectionReset: 'who listens there has cut the connection',
  Internal: 'sbd does not know what happened',
} as const;
export type Reason = keyof typeof REASONS;

/** `sbd` → courier, the first frame. */
export interface Hello {
  major: number;
  minor: number;
  /** Of the program. */
  version: string;
  /** 64 hex digits, new for each connection. */
  nonce: string;
  /** Whether it has been given the secret before. */
  knows: boolean;
}

/** Courier → `sbd`, the answer. */
export interface Welcome {
  major: number;
  minor: number;
  /** 64 hex digits. */
  nonce: string;
  /** 64 hex digits: the secret, for one that does not know it. */
  secret?: string;
  /** That the courier knows the secret, for one that does: `proofOf`. */
  proof?: string;
  /** No command runs as this user, who could read what the courier stages. */
  courierUid: number;
}

/** `sbd` → courier, its third step. From here on the courier may open streams. */
export interface Proof {
  proof: string;
}

/**
 * Where a command's output goes: over the wire · nowhere · to the container's own log · where stdout goes, for stderr alone · to a file, and from
 * there to the log as it grows.
 */
export type Sink = 'stream' | 'null' | 'log' | 'stdout' | { file: string };

/**
 * Who is ended with a command. `family`: its leader, and what descends from that in its session, save who has detached itself: who ignores
 * SIGHUP, or lost its parent before · `session`: all of its session, and all that descends from its leader · `strict`: everybody who belongs to
 * no other running command.
 */
export type Scope = 'family' | 'session' | 'strict';

export const SIGNAL_SCOPES = ['leader', 'session', 'foreground'] as const;
/** Whom a signal is sent to: the leader · everybody in its session · the process group that its terminal listens to. */
export type SignalScope = (typeof SIGNAL_SCOPES)[number];

export interface Ending {
  scope: Scope;
  /** Between TERM and KILL. */
  graceMs: number;
}

export interface Size {
  rows: number;
  columns: number;
}

/** Limits of setrlimit, soft and hard alike. */
export const LIMITS = ['core', 'cpu', 'data', 'fsize', 'memlock', 'nofile', 'nproc', 'stack'] as const;
export type Limit = (typeof LIMITS)[number];

/** Starts a command. Answered by `started`; then data, `eof` of every channel, and `exit`. */
export interface RunRequest {
  op: 'run';
  /** Names the command for as long as it is known: at most 64 of `[A-Za-z0-9._-]`. */
  id: string;
  /** `argv[0]` is a path, or a name that is looked for in the PATH among `env`. */
  argv: string[];
  /** What the program sees as `argv[0]`, where that is something else than what is started. */
  name?: string;
  /** The first of these that is there is put before `argv`: shells for a script that names none. */
  launchers?: string[][];
  /** Must be there, because `argv[0]` is a script that names it. */
  interpreter?: string;
  /** Name or number, perhaps with `:group`; default: that of `sbd`. */
  user?: string;
  /** Default: `/`. */
  workdir?: string;
  /** On top of the container's own, and of the HOME of `user`. */
  env?: Record<string, string>;
  /** Without the container's own variables. */
  cleanEnv?: boolean;
  umask?: number;
  limits?: Partial<Record<Limit, number>>;
  noNewPrivileges?: boolean;
  /** Taken from the bounding set, for example `NET_RAW`, or `ALL`. */
  dropCapabilities?: string[];
  /** Otherwise it reads from `/dev/null`. */
  stdin?: boolean;
  /** On a terminal of its own, whose output is the channel `output`. */
  pty?: Size;
  /** Default: `stream`. */
  stdout?: Sink;
  stderr?: Sink;
  /** Then it is ended, and `exit` says `timedOut`. */
  timeoutMs?: number;
  /** How it is ended at its timeout. Default: `session`, 5 s. */
  ending?: Ending;
  /** Whoever is there at the first such command is not counted as left behind by it. */
  marks?: boolean;
  /** Of somebody who has entered the container: what belongs to it is left by them, and not by the agent. */
  guest?: boolean;
}

/** Attaches to a command that runs or has ended, in place of the stream that was attached before. Answered as `run` is. */
export interface AttachRequest {
  op: 'attach';
  id: string;
  /** Wanted from here. Default: as far back as it is kept. */
  output?: number;
  error?: number;
}

/** Requests that are answered by one `result`; `FilesRequest` may bring or yield bytes before. */
export type ShortRequest =
  | { op: 'commands' }
  /** What would `run` do? Fails as that would. → CheckedIdentity */
  | { op: 'check'; user?: string; workdir?: string; interpreter?: string }
  /** Ends a command: TERM, then KILL, to everybody in its scope. → Left */
  | ({ op: 'end'; id: string } & Ending)
  /**
   * Halts everybody but sbd, counts what was left since the mark, and first ends it where that is asked for. `readable`: makes readable what sbd
   * was told to. → Halted
   */
  | { op: 'halt'; agentUid?: number; left: 'keep' | 'end' | 'kill'; graceMs?: number; readable?: boolean }
  /** Lets those go on that `halt` has halted. → Resumed */
  | { op: 'resume' }
  /** Ends everybody but sbd, and makes readable what sbd was told to. → Left */
  | { op: 'freeze' }
  /** Ends everybody and the container, with this exit code. The connection ends. */
  | { op: 'exit'; code: number };

/** Everything that is done with files. `user`: with whose rights; default: those of `sbd`, within it. Paths are absolute. */
export type FilesRequest = { user?: string } & (
  | { op: 'read'; path: string; offset?: number; length?: number }
  /** Brings the contents, and puts them in place of what lies there at once. */
  | { op: 'write'; path: string; mode?: number; owner?: number; group?: number }
  | { op: 'stat'; path: string }
  /** Yields one Entry as JSON a line; at most `max`, by default 10,000. */
  | { op: 'list'; path: string; max?: number }
  /**
   * Yields one Link as JSON a line: all below a folder and below those that they lead to, but what lies in folders of these names. Looks at `max` entries, by default and at most
   * 50,000. → Looked
   */
  | { op: 'links'; path: string; exclude?: string[]; max?: number }
  | { op: 'remove'; path: string; recursive?: boolean }
  | { op: 'mkdir'; path: string; mode?: number; owner?: number; parents?: boolean; fresh?: boolean }
  /** Brings a tar, which is unpacked below the directory `path`. `owner` owns all of it. */
  | { op: 'untar'; path: string; owner?: number; maxBytes?: number; maxEntries?: number }
  /** Yields a tar of `path`; what is no file, directory or link is left out. */
  | { op: 'tar'; path: string; maxBytes?: number; maxEntries?: number }
  /**
   * Yields one WatchEvent as JSON a line, until what is watched is gone; `max` folders with `recursive`, by default 8,192. In a process of its
   * own also without `user`; then no link on the path is followed.
   */
  | { op: 'watch'; path: string; recursive?: boolean; max?: number }
  /**
   * Copies a file or folder; a link is followed only where it is `path` itself. `exclude`: patterns of GNU tar's `--exclude`, for a folder.
   * → Copied
   */
  | {
      op: 'copy';
      path: string;
      to: string;
      exclude?: string[];
      maxFileBytes?: number;
      maxHoleBytes?: number;
    }
);

/**
 * Connects to a port of the container's own localhost: 127.0.0.1, else ::1. Answered by `connected`; then data and `eof` go both ways as they do
 * between the two ends, and `result` says that both are through. Whoever closes the stream before that cuts the connection.
 */
export interface ConnectRequest {
  op: 'connect';
  /** 1 to 65,535. */
  port: number;
  /** Whose the socket is; default: that of `sbd`. */
  user?: string;
}

export type Request = RunRequest | AttachRequest | ShortRequest | FilesRequest | ConnectRequest;

export interface Identity {
  uid: number;
  gid: number;
  home: string;
}

/** Answer to `check`. */
export interface CheckedIdentity extends Identity {
  /** The container's own PATH; missing where that is empty. */
  path?: string;
}

/** Answer to `run` and `attach`. */
export interface Started extends Identity {
  pid: number;
  /** Bytes of stdin that have arrived. */
  input: number;
  /** Where the data begin: later than wanted where that is no longer kept. */
  output: number;
  error: number;
}

/** How many processes are left. */
export interface Left {
  left: number;
}

export const KINDS = ['file', 'directory', 'link', 'fifo', 'socket', 'device'] as const;

export interface Halted extends Left {
  /** How many of those who are left belong to commands of guests. */
  guests: number;
  /** How many processes act all the same. */
  acting: number;
}

export interface Resumed {
  /** Whether they were halted until now: they go on where the connection breaks, too. */
  halted: boolean;
}

export interface Entry {
  name: string;
  kind: (typeof KINDS)[number];
  size: number;
  mode: number;
  uid: number;
  gid: number;
  /** Milliseconds since 1970. */
  modified: number;
  /** The same of its contents, rights, owner or name: by the kernel's clock, which nobody in the container sets. */
  changed: number;
  /** Of a link. */
  target?: string;
}

/** A link below a folder, by its path from there. */
export interface Link {
  name: string;
  target: string;
  /** The path of what it leads to in the end; missing where that is not there. */
  leadsTo?: string;
}

/** Answer to `links`: whether there are entries that it did not look at. */
export interface Looked {
  more: boolean;
}

/** Answer to `copy`. */
export interface Copied {
  kind: 'file' | 'directory';
  /** Links that lead out of the folder: absolute ones, and others. */
  linksOut: number;
}

/** A place below what is watched; empty for that itself. */
interface Watched {
  /** Without what is no UTF-8, which `pathHex` has. */
  path: string;
  pathHex?: string;
}

/** What `watch` tells. The kind is what lies there when it is told; missing where that is nothing any more. */
export type WatchEvent =
  /** The first one: whatever happens from now on is told. */
  | { event: 'watching'; folders: number }
  /** May come twice for one file. */
  | ({ event: 'created' | 'modified'; kind?: Entry['kind'] } & Watched)
  /** With all below it. */
  | ({ event: 'removed'; kind?: 'directory' } & Watched)
  | ({ event: 'moved'; from: string; fromHex?: string; kind?: Entry['kind'] } & Watched)
  /** Nothing is told of what happens in this folder. */
  | ({ event: 'unwatched'; reason: Reason } & Watched)
  /** More has happened than could be told: whoever wants to know what is there lists it again. */
  | { event: 'overflow' }
  /** The last one: the path leads nowhere, or elsewhere. */
  | { event: 'ended'; why: 'removed' | 'replaced' };

export interface CommandState {
  id: string;
  pid: number;
  running: boolean;
}

/** How a command ended. */
export interface Exit {
  /** Missing where a signal ended it. */
  code?: number;
  signal?: number;
  timedOut: boolean;
  /** Processes that the kernel has killed for memory in the container meanwhile. */
  oomKills: number;
  /** Bytes on each channel, from the start; what is lost in between shows. */
  output: number;
  error: number;
}

export interface Failure {
  reason: Reason;
  message: string;
}

/** `sbd` → courier on stream 0. `stopping`: the kubelet ends the container. */
export interface Notice {
  event: 'stopping';
}
