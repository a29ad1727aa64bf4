/**
 * What a program may ask of a Sandbox: a closed list, in the frames of the hand protocol. The courier checks each request, puts the Sandbox's own
 * user, directory and variables where it names none, and hands it to `sbd`; what is not listed here never gets there. Answers are those of the
 * hand protocol, but for `commands`.
 */
import { isRecord, parsedJson } from '../../text/json.ts';
import { count, oneOf, optional, text, type Check } from '../hand/bodies.ts';
import type { ConnectRequest, Ending, FilesRequest, Request, RunRequest, Size } from '../hand/protocol.ts';
import { SANDBOX_PORT } from './names.ts';

/** Starts a command; where one of that id was started with the same request, attaches to it as `attach` does. Answered by `started`. */
export interface StartRequest {
  op: 'run';
  /** Names the command as long as it is known: at most 64 of `[A-Za-z0-9._-]`, not beginning with `sb-`. */
  id: string;
  /** Either a program and its arguments, */
  argv?: string[];
  /** or a text for the image's bash, else its sh: `bash -c <command>`. */
  command?: string;
  /** Name or number, perhaps with `:group`; default: the Sandbox's, else the image's. */
  user?: string;
  /** Default: the Sandbox's, else the image's. */
  workdir?: string;
  /** On top of the Sandbox's. */
  env?: Record<string, string>;
  /** Otherwise it reads from `/dev/null`. */
  stdin?: boolean;
  /** On a terminal of its own, whose output is the channel `output`. */
  pty?: Size;
  /** Default: `stream`. */
  stdout?: 'stream' | 'null';
  /** `stdout`: where that goes. */
  stderr?: 'stream' | 'null' | 'stdout';
  /** Then it is ended, and `exit` says `timedOut`. */
  timeoutMs?: number;
  /** How it is ended at its timeout. Default: `session`, 5 s. */
  ending?: Ending;
}

/**
 * Attaches to a command that runs, or has ended less than some minutes ago. The one that was attached before is ended with `Cancelled`: it held
 * the program back while it did not read, and brought its input, as this one does now.
 */
export interface AttachedRequest {
  op: 'attach';
  id: string;
  /** Wanted from here. Default: as far back as it is kept. `started` says from where it comes. */
  output?: number;
  error?: number;
  /**
   * Only looks on: takes nobody's place, brings no input, and never holds the program back. Where it reads too slowly, the offset of a `data` frame
   * is beyond the end of the one before, and what lies in between is not to be had.
   */
  observe?: boolean;
}

type OfFiles = 'read' | 'write' | 'stat' | 'list' | 'remove' | 'mkdir' | 'untar' | 'tar';

/** → `result` `{ commands: SandboxCommand[] }` */
export interface CommandsRequest {
  op: 'commands';
}

export interface SandboxCommand {
  id: string;
  pid: number;
  running: boolean;
}

export type SandboxRequest =
  | StartRequest
  | AttachedRequest
  | CommandsRequest
  | ({ op: 'end'; id: string } & Ending)
  | ConnectRequest
  | Extract<FilesRequest, { op: OfFiles }>;

/** A request that is not on the list; one sentence that says what is wrong. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
}

const ARGUMENTS_MAX = 65_536;
const VARIABLES_MAX = 4096;
const PATH_BYTES_MAX = 4096;
const NAME_MAX = 256;
const GRACE_MAX_MS = 600_000;
const YEAR_MS = 366 * 24 * 3600 * 1000;
const MODE_MAX = 0o7777;
const PORT_MAX = 65_535;

const flag: Check = (value) => typeof value === 'boolean';
const upTo =
  (max: number, min = 0): Check =>
  (value) =>
    count(value) && (value as number) >= min && (value as number) <= max;
/** No zero: nothing that the kernel takes holds one. */
const plain: Check = (value) => text(value) && !(value as string).includes('\0');
const named: Check = (value) => plain(value) && value !== '' && (value as string).length <= NAME_MAX;
const commandId: Check = (value) => text(value) && /^(?!sb-)[A-Za-z0-9._-]{1,64}$/.test(value as string);
const path: Check = (value) =>
  plain(value) && (value as string).startsWith('/') && Buffer.byteLength(value as string) <= PATH_BYTES_MAX;
const argv: Check = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= ARGUMENTS_MAX &&
  value[0] !== '' &&
  value.every(plain);
const env: Check = (value) =>
  isRecord(value) &&
  Object.keys(value).length <= VARIABLES_MAX &&
  Object.entries(value).every(([name, held]) => /^[^=\0]+$/.test(name) && plain(held));

type Shape = Record<string, Check>;
const fits =
  (shape: Shape): Check =>
  (value) =>
    isRecord(value) &&
    Object.keys(value).every((field) => Object.hasOwn(shape, field)) &&
    Object.entries(shape).every(([field, check]) => check(value[field]));

const ending: Shape = { scope: oneOf('family', 'session', 'strict'), graceMs: upTo(GRACE_MAX_MS) };
const size: Shape = { rows: upTo(65_535), columns: upTo(65_535) };
const onFile: Shape = { path, user: optional(named) };
const owned: Shape = { mode: optional(upTo(MODE_MAX)), owner: optional(count) };
const bounded: Shape = { maxBytes: optional(count), maxEntries: optional(count) };

/** Every request and its fields. */
const SHAPES: Record<SandboxRequest['op'], Shape> = {
  run: {
    id: commandId,
    argv: optional(argv),
    command: optional(plain),
    user: optional(named),
    workdir: optional(path),
    env: optional(env),
    stdin: optional(flag),
    pty: optional(fits(size)),
    stdout: optional(oneOf('stream', 'null')),
    stderr: optional(oneOf('stream', 'null', 'stdout')),
    timeoutMs: optional(upTo(YEAR_MS, 1)),
    ending: optional(fits(ending)),
  },
  attach: { id: commandId, output: optional(count), error: optional(count), observe: optional(flag) },
  commands: {},
  end: { id: commandId, ...ending },
  connect: { port: upTo(PORT_MAX, 1), user: optional(named) },
  read: { ...onFile, offset: optional(count), length: optional(count) },
  write: { ...onFile, ...owned, group: optional(count) },
  stat: onFile,
  list: { ...onFile, max: optional(upTo(1_000_000, 1)) },
  remove: { ...onFile, recursive: optional(flag) },
  mkdir: { ...onFile, ...owned, parents: optional(flag), fresh: optional(flag) },
  untar: { ...onFile, owner: optional(count), ...bounded },
  tar: { ...onFile, ...bounded },
};

/** A request out of its JSON. Throws BadRequest. */
export function readRequest(bytes: Uint8Array): SandboxRequest {
  const request = parsedJson(Buffer.from(bytes).toString());
  if (!isRecord(request)) throw new BadRequest('the request is no JSON object');
  const fault = faultOf(request);
  if (fault !== undefined) throw new BadRequest(fault);
  return request as unknown as SandboxRequest;
}

function faultOf({ op, ...fields }: Record<string, unknown>): string | undefined {
  if (typeof op !== 'string' || !Object.hasOwn(SHAPES, op)) return `there is no such request: ${shown(op)}`;
  const shape = SHAPES[op as SandboxRequest['op']];
  const unknown = Object.keys(fields).find((field) => !Object.hasOwn(shape, field));
  if (unknown !== undefined) return `a request ${op} has no field ${shown(unknown)}`;
  const improper = Object.keys(shape).find((field) => shape[field]?.(fields[field]) === false);
  if (improper !== undefined) return `a request ${op} has no proper ${improper}`;
  if (op === 'connect' && fields['port'] === SANDBOX_PORT)
    return `port ${SANDBOX_PORT} is the courier’s own, on which no program can listen`;
  const isTwo = op === 'run' && (fields['argv'] === undefined) === (fields['command'] === undefined);
  return isTwo ? 'a request run has either argv or command' : undefined;
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'none').slice(0, NAME_MAX);

/** What a Sandbox puts where a request names none. */
export interface SandboxDefaults {
  user: string;
  workdir: string;
  env: Record<string, string>;
}

const SHELLS = [
  ['/bin/bash', '-c'],
  ['/bin/sh', '-c'],
];

/** What `sbd` is asked for to start a command. */
export function runRequest(
  { command, argv: words, env: own, ...start }: StartRequest,
  { user, workdir, env: beneath }: SandboxDefaults,
): RunRequest {
  const program = command === undefined ? { argv: words ?? [] } : { argv: [command], launchers: SHELLS };
  return { user, workdir, ...start, ...program, env: { ...beneath, ...own } };
}

/** What `sbd` is asked for to work with files, or to connect to a port: always as a user, whose rights hold. */
export const asUser = (
  request: Extract<SandboxRequest, { op: OfFiles | 'connect' }>,
  { user }: SandboxDefaults,
): Request => ({ user, ...request });
