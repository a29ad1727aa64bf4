/** What the parts of `sb` hand each other: a connection, a terminal, the exit codes. No vendor types, no behaviour. */
import type { Readable, Writable } from 'node:stream';
import type { Kube } from '../kube/connect.ts';
import type { KubeClient } from '../kube/types.ts';
import type { ArtifactStore } from '../providers/artifact-store/port.ts';

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
  stdout: Writable;
  stderr: Writable;
}

/** The process around a command. Nobody below `main.ts` reads `process`. */
export interface Io {
  terminal: Terminal;
  env: Record<string, string | undefined>;
  cwd: string;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  signal: AbortSignal;
  /**
   * Calls back at every Ctrl-C, the first one too, until the returned function is called. While nobody listens a second Ctrl-C ends
   * the process with 130.
   */
  onInterrupt: (listener: () => void) => () => void;
  /** Asks on the terminal; false where nobody is there to answer, and for anything but y or yes. */
  confirm: (question: string) => Promise<boolean>;
  /** The process's own, for a shell in a container; everybody else prints through `terminal`. */
  streams: Streams;
  now: () => Date;
}

/** What a client must know of an installation: ConfigMap `sb-client` in `sb-system`, readable by all who are logged in. */
export interface ClientConfig {
  profile: 'local' | 'aws';
  bucket: string;
  region: string;
  /** Base URL of the store as this machine reaches it; undefined: AWS. */
  endpoint?: string;
  /** Base URL of the store as browsers reach it, where that is another. */
  publicEndpoint?: string;
  operatorVersion: string;
}

/** What every command that talks to a cluster was told on the command line. */
export interface SessionOptions {
  /** --context; default: the current one. */
  context?: string;
  /** -n; default: the context's namespace, else `default`. */
  namespace?: string;
  /** --kubeconfig; default: KUBECONFIG, else ~/.kube/config. */
  kubeconfig?: string;
}

/** A connection to a cluster, with the user's own credentials. */
export interface Session {
  kube: KubeClient;
  /** For watches (src/kube/cache) and whoever needs the transport itself. */
  kubeParts: Kube;
  namespace: string;
  /** Name of the kubeconfig context. */
  context: string;
  /** The installation; a `CliError` (SB-E008) where the cluster has none. Read once, on first use. */
  client(): Promise<ClientConfig>;
  /** The bucket, retried; rejects as `client` does. Opened once, on first use. */
  store(): Promise<ArtifactStore>;
  now: () => Date;
  close(): Promise<void>;
}

/** How `-o` prints data. `table` is for people and the default; the others are for programs. */
export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml' | 'name' | 'jsonl';

/**
 * 0 finished, whatever the rewards · 1 a Trial lost to infrastructure, or problems found · 2 wrong usage · 3 preflight, permission,
 * cluster or store · 4 below --fail-under · 124 the wait timed out, the run goes on · 130 interrupted, the run goes on.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 124 | 130;
