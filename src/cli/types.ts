/** What the parts of `sb` hand each other: the terminal and the process around a command. No vendor types, no behaviour. */
import type { ClusterPart } from '../client/cloud/steps.ts';
import type { Readable, Writable } from 'node:stream';
import type { Surroundings } from '../client/session/types.ts';

/** Where text goes. Data on stdout, everything else on stderr; nothing is added to the text, no newline either. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** stderr is a terminal: progress may be redrawn there. */
  readonly isTTY: boolean;
  /** stdout is a terminal: tables may be cut to its width. */
  readonly outIsTTY: boolean;
  /** Of stderr, now; 80 × 24 where it is no terminal. */
  columns(): number;
  rows(): number;
  /** Colours and other styles are wanted (NO_COLOR, FORCE_COLOR, TERM, TTY). */
  readonly color: boolean;
  /** Calls back when the process goes on after Ctrl-Z, until the returned function is called: the shell has written to the screen meanwhile. */
  onResume?(listener: () => void): () => void;
  /** Someone is there to answer: stdin and stderr are terminals and --no-input was not given. */
  readonly input: boolean;
}

/** What a shell is connected to. */
export interface Streams {
  stdin: Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  /** Emits `resize` where it is a terminal. */
  stdout: Writable;
  stderr: Writable;
}

/** The process around a command. Nobody below `main.ts` reads `process`. */
export interface Io extends Surroundings {
  terminal: Terminal;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  /**
   * Calls back at every Ctrl-C, the first one too, until the returned function is called. While nobody listens a second Ctrl-C ends
   * the process with 130.
   */
  onInterrupt: (listener: () => void) => () => void;
  /** Asks on the terminal; false where nobody is there to answer, and for anything but y or yes. */
  confirm: (question: string) => Promise<boolean>;
  /** As `confirm`, for an answer in words; empty where nobody is there to answer. */
  ask: (question: string) => Promise<string>;
  /** What an installation has in its cluster; default: all that belongs there. For tests without a cluster. */
  inside?: ClusterPart;
  /** The process's own, for a shell in a container; everybody else prints through `terminal`. */
  streams: Streams;
}

/** How `-o` prints data. `table` is for people and the default; the others are for programs. */
export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml' | 'name' | 'jsonl';
