/** The courier's hand inside the task container: what phases ask for. */
import type { Readable } from 'node:stream';
import type { Copied, FilesRequest } from '../../wire/hand/protocol.ts';
import type { Files } from './files.ts';
import type { EntryHand } from './entry-hand.ts';

/** A process to run in the task container. */
export interface Command {
  /** The program by its absolute path, and its arguments. */
  argv: string[];
  /** Name or number, perhaps with `:group`. */
  user: string;
  workdir: string;
  /** Variables on top of the container's. */
  env: Record<string, string>;
  /** A program that must be there, because `argv[0]` is a script that names it. */
  interpreter?: string;
  /** `argv` is to be run by the image's bash, else its sh. */
  shell?: boolean;
  /** File in the task container for stdout, and for stderr where that has none of its own; default: the container's own stdout. */
  stdout?: string;
  stderr?: string;
  /** File for the exit code where it is not 0. */
  exitFile?: string;
  /** The agent begins: what runs before it is the image’s, what it leaves running is its own. */
  agent?: boolean;
}

/** The task container has ended, or no longer answers. */
export class HandGone extends Error {
  override readonly name = 'HandGone';
}

/** What kept a command from starting: there is no such directory, user or interpreter, or the user is the courier’s own. */
export type Refusal = 'workdir' | 'user' | 'interpreter' | 'courier';

/** How a command ended. A `code` above 128 is a signal's number plus 128; `signal`: it ended the command itself. */
export type Ended =
  | { kind: 'exited'; code: number; signal?: number; timedOut: boolean; oomKills: number }
  | { kind: 'refused'; refusal: Refusal };

/**
 * As which user a command would run, or why it could not. `path`: the container's own PATH. `sudo`: of an agent, that it may become root without
 * a password.
 */
export type Checked =
  { uid: number; gid: number; home?: string; path?: string; sudo?: boolean } | { refusal: Refusal };

/** What is put into the task container. */
export interface Staged {
  /** Folder of the courier's, whose contents are put there. */
  from: string;
  /** The script in it, which everybody may run. */
  script: string;
  /** Folder in the task container that is made anew. */
  to: string;
}

/** What is put over what lies there already. */
export interface Placed {
  /** Folder of the courier's, whose contents are put there. */
  from: string;
  /** Folder in the task container, which is made where it is missing. */
  to: string;
  /** Whose it becomes, unless that user's rights do not reach; default: root's. */
  user?: string;
}

/** What comes out of another container. */
export interface Brought {
  kind: 'file' | 'folder';
  /** Absolute path. */
  to: string;
  owner: number;
  /** Of a folder its contents, of a file the file under its own name. */
  archive: () => Readable;
}

/** Where it goes, and to whom. */
export interface Ground {
  /** User that owns it; default: root. */
  owner?: number;
  /** Only the owner and root may enter it. */
  hidden?: boolean;
  /** Makes `/logs/verifier` anew, too, and tells what the agent left running. */
  verifier?: boolean;
  /** The agent's user, where that is not root: whatever runs as it counts as the agent's. */
  agent?: number;
  /** Ends that first. */
  stopBackground?: boolean;
}

/** `background`: how many processes the agent has left running; `guests`: how many run on of those who have entered. */
export interface StageResult {
  done: boolean;
  background: number;
  guests: number;
}

export type Copy = Omit<Extract<FilesRequest, { op: 'copy' }>, 'op'>;

export interface Hand {
  /** Missing where nobody can enter. It refuses what is begun while everybody is halted, or after everybody was ended. */
  entry?: EntryHand;
  /** Resolves when sbd is there, and the folders of /logs. */
  ready(): Promise<void>;
  /** Resolves when the task container has ended. */
  gone: Promise<void>;
  isGone(): boolean;
  /** True once the kubelet has told the task container to stop. */
  toldToStop(): boolean;
  /** Starts a command that nobody waits for. */
  start(command: Command): Promise<Ended>;
  /** Asks what `run` would do with a command. */
  check(command: Command): Promise<Checked>;
  /** Runs a command to its end, or to its limit: then what belongs to it and has not detached itself is ended. */
  run(command: Command, limitSeconds?: number): Promise<Ended>;
  /** Puts the contents of a folder of the courier's over those of one in the container. Rejects with Refused. */
  place(what: Placed): Promise<void>;
  /** Puts a file or folder of another container in place of what lies there. Rejects with Refused. */
  bring(what: Brought): Promise<void>;
  /** Puts files into the container. */
  stage(what: Staged, ground?: Ground): Promise<StageResult>;
  /** Empties folders of which no other user's must remain; /logs has its own folders again then. False where something stays. */
  empty(folders: string[]): Promise<boolean>;
  files: Files;
  /** Copies a file or folder within the container, with a user's rights. Rejects with Refused, or with the reason of `signal`. */
  copy(copy: Copy, signal: AbortSignal): Promise<Copied>;
  /** Ends every process but sbd, and makes all of /logs readable; false when somebody is left. Works when the courier was told to stop, too. */
  freeze(): Promise<boolean>;
  /** Halts every process but sbd until `resume`, and makes all of /logs readable; false where somebody acts on. */
  halt(): Promise<boolean>;
  /** Lets them go on; false where they did so before. */
  resume(): Promise<boolean>;
  /** Ends the task container, with this exit code; by default 0. */
  exit(code?: number): void;
  close(): void;
}
