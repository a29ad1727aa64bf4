/** Failures that people read, each with a code, a page and an exit code. */

/**
 * 0 finished, whatever the rewards · 1 a Trial lost to infrastructure, or problems found · 2 wrong usage · 3 preflight, permission,
 * cluster or store · 4 below --fail-under · 124 the wait timed out, the run goes on · 130 interrupted, the run goes on.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 124 | 130;

/** One line of the catalogue. The page is `docs/errors/<code>.md`. */
export interface CatalogueEntry {
  /** As the page is headed: a short sentence without a full stop. */
  title: string;
  exit: ExitCode;
}

/** Every failure that `sb` knows by name. A code is never given to anything else, nor used again. */
export const CATALOGUE = {
  // Usage, kubeconfig, cluster and store: 001–029.
  'SB-E001': { title: 'The command line is not understood', exit: 2 },
  'SB-E002': { title: 'There is no kubeconfig', exit: 3 },
  'SB-E003': { title: 'The kubeconfig has no such context', exit: 3 },
  'SB-E004': { title: 'The cluster does not answer', exit: 3 },
  'SB-E005': { title: 'The cluster refuses the credentials', exit: 3 },
  'SB-E006': { title: 'A permission is missing', exit: 3 },
  'SB-E007': { title: 'The custom resources are not installed, or of another version', exit: 3 },
  'SB-E008': { title: 'The cluster has no sb-operator', exit: 3 },
  'SB-E009': { title: 'The namespace does not exist', exit: 3 },
  'SB-E010': { title: 'The store does not answer', exit: 3 },
  'SB-E011': { title: 'The store denies access', exit: 3 },
  'SB-E012': { title: 'There are no credentials for the store', exit: 3 },
  'SB-E013': { title: 'The path does not exist or cannot be read', exit: 2 },
  'SB-E014': { title: 'A task folder has problems', exit: 2 },
  'SB-E015': { title: 'A file cannot be written', exit: 3 },
  'SB-E016': { title: 'The cluster did not carry out the request', exit: 3 },
  'SB-E017': { title: 'A quota or policy of the cluster refuses the request', exit: 3 },
  'SB-E018': { title: 'No existing node can hold a task', exit: 3 },
  'SB-E099': { title: 'sb itself failed', exit: 3 },
  // Selecting, planning, submitting: 030–059.
  'SB-E030': { title: 'There is no task in the folder', exit: 2 },
  'SB-E031': { title: 'Two different tasks have the same name', exit: 2 },
  'SB-E032': { title: 'The patterns leave no task', exit: 2 },
  'SB-E033': { title: 'The run file has problems', exit: 2 },
  'SB-E034': { title: 'The run cannot have this name', exit: 2 },
  'SB-E035': { title: 'A variable cannot be used', exit: 2 },
  'SB-E036': { title: 'An option has a wrong value', exit: 2 },
  'SB-E037': { title: 'The agent cannot be run', exit: 2 },
  'SB-E038': { title: 'A Trial of this name exists with other content', exit: 2 },
  'SB-E039': { title: 'The store has other contents for this version of a task', exit: 3 },
  'SB-E040': { title: 'The API server refuses a Trial', exit: 3 },
  'SB-E041': { title: 'A run asks for variables that are not allowed', exit: 2 },
  'SB-E042': { title: 'An agent lacks what it needs', exit: 2 },
  // Following, mirroring, naming runs and Trials: 060–089.
  'SB-E060': { title: 'Not all results could be copied', exit: 3 },
  'SB-E061': { title: 'A stored file does not match its manifest', exit: 3 },
  'SB-E062': { title: 'The disk for the results is full', exit: 3 },
  'SB-E063': { title: 'The folder for the results cannot be written', exit: 3 },
  // Looking at runs and Trials: 090–098.
  'SB-E090': { title: 'There is no such run or Trial', exit: 2 },
  'SB-E091': { title: 'The name matches several objects', exit: 2 },
  'SB-E092': { title: 'There is nothing to run again', exit: 2 },
  'SB-E093': { title: 'There is no such log', exit: 2 },
  'SB-E094': { title: 'There is no terminal to ask on', exit: 2 },
  'SB-E095': { title: 'There is no container to open a shell in', exit: 2 },
  // Sandboxes: 100–119.
  'SB-E100': { title: 'There is no such Sandbox', exit: 2 },
  'SB-E101': { title: 'The Sandbox is not ready', exit: 3 },
  'SB-E102': { title: 'The Sandbox has ended', exit: 3 },
  'SB-E103': { title: 'Contact with the Sandbox or Trial was lost', exit: 3 },
  'SB-E104': { title: 'You may not use the Sandbox or enter the Trial', exit: 3 },
  'SB-E105': { title: 'No way leads to the broker', exit: 3 },
  'SB-E106': { title: 'A command in a Sandbox took too long', exit: 124 },
  'SB-E107': { title: 'The Sandbox or Trial refuses a command or file', exit: 3 },
  'SB-E108': { title: 'A download from a Sandbox was stopped', exit: 3 },
  'SB-E109': { title: 'A Sandbox of this name exists', exit: 2 },
  // Installations on a cloud: 120–139.
  'SB-E120': { title: 'Something that sb cloud needs is missing on this machine', exit: 3 },
  'SB-E121': { title: 'AWS does not take the credentials', exit: 3 },
  'SB-E122': { title: 'AWS refuses a request', exit: 3 },
  'SB-E123': { title: 'AWS does not answer', exit: 3 },
  'SB-E124': { title: 'A stack of this name belongs to something else', exit: 3 },
  'SB-E125': { title: 'A stack cannot be made or changed', exit: 3 },
  'SB-E126': { title: 'A stack is stuck', exit: 3 },
  'SB-E127': { title: 'Another command is at work on the installation', exit: 3 },
  'SB-E128': { title: 'Nobody agreed to it', exit: 2 },
  'SB-E129': { title: 'Trials or Sandboxes are running', exit: 3 },
  'SB-E130': { title: 'There is no installation to run in', exit: 3 },
  'SB-E131': { title: 'Something in the cluster does not go', exit: 3 },
  'SB-E132': { title: 'An image could not be made', exit: 3 },
  'SB-E133': { title: 'The operator does not become ready', exit: 3 },
  'SB-E134': { title: 'There is no such researcher, or the name is somebody else’s', exit: 2 },
} as const satisfies Record<string, CatalogueEntry>;

/** `SB-E014`. */
export type Code = keyof typeof CATALOGUE;

/** Address of a code's page, from the root of the repository. */
export const pageOf = (code: Code): string => `docs/errors/${code}.md`;

/** The four lines of a failure; the fourth is the code. Text from outside may be in them: printing makes it safe. */
export interface FailureText {
  /** What was not done: `cannot read run hello-20260131-142501`. */
  what: string;
  /** Why, with the object's condition where there is one. May have several lines. */
  why: string;
  /** The command that fixes it, or what to do. */
  fix: string;
  /** The error behind it, for --debug. */
  cause?: unknown;
  /** Where the catalogue's is not right. */
  exit?: ExitCode;
}

/** A failure that `sb` explains. Everything else that is thrown is a fault of sb (SB-E099). */
export class CliError extends Error {
  readonly code: Code;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
  readonly exit: ExitCode;

  constructor(code: Code, { what, why, fix, cause, exit }: FailureText) {
    super(`${what}: ${why}`, { cause });
    this.name = 'CliError';
    this.code = code;
    this.what = what;
    this.why = why;
    this.fix = fix;
    this.exit = exit ?? CATALOGUE[code].exit;
  }
}

/** Reason of `Io.signal`: somebody pressed Ctrl-C, or the process was told to end. */
export class Interrupted extends Error {
  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.name = 'Interrupted';
  }
}
