/** A Sandbox as a program uses it. */
import type { Duplex, Readable } from 'node:stream';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { SandboxCommand as CommandRow } from '../../wire/sandbox/requests.ts';
import type { Session } from '../session/types.ts';
import { brokerOf, type Broker } from './broker/broker.ts';
import type { WayName } from './broker/ways.ts';
import { SandboxCommand } from './commands/command.ts';
import { runCommand, startRequest } from './commands/run.ts';
import { SandboxExists } from './errors.ts';
import type { Connection } from './connection/connection.ts';
import { connectionTo } from './connection/open.ts';
import { Files, again, ask, type FilesPlace } from './files/files.ts';
import { download, upload } from './files/transfer.ts';
import { connectTo } from './ports/connect.ts';
import { forward, type Forwarding, type ForwardOptions } from './ports/forward.ts';
import {
  extendSandbox,
  removeSandbox,
  resumeSandbox,
  suspendSandbox,
  type Extension,
} from './object/change.ts';
import { createOnce } from './object/create.ts';
import { manifestOf } from './object/manifest.ts';
import { waitUntilReady, type WaitOptions } from './object/ready.ts';
import type {
  AttachSandboxOptions,
  CommandResult,
  ConnectOptions,
  Contents,
  CreateOptions,
  Downloaded,
  DownloadOptions,
  FileEntry,
  FileOptions,
  RunOptions,
  StartOptions,
  TransferLimits,
  Transferred,
  WriteOptions,
} from './types.ts';

export interface EnvironmentOptions extends WaitOptions {
  /** To be created; otherwise it has to be there. */
  manifest?: Sandbox;
  /** Default: that of the session. */
  broker?: Pick<Broker, 'connections' | 'prepare' | 'way'>;
}

/**
 * A container that is there when a program needs it. Nothing happens before `init`, which every other method calls by itself; whatever breaks
 * between here and there, methods wait, and go on where they were. They reject with a `SandboxError`, or with the reason of their `signal`.
 */
export class SandboxEnvironment implements AsyncDisposable {
  readonly name: string;
  readonly namespace: string;
  readonly #session: Session;
  readonly #options: EnvironmentOptions;
  readonly #broker: Pick<Broker, 'connections' | 'prepare' | 'way'>;
  readonly #files = new Files(() => this.#place());
  #connection: Connection | undefined;
  #mayBeOurs = false;
  #ready: Promise<void> | undefined;

  constructor(session: Session, name: string, options: EnvironmentOptions = {}) {
    this.name = name;
    this.namespace = session.namespace;
    this.#session = session;
    this.#options = options;
    this.#broker = options.broker ?? brokerOf(session);
  }

  /** The way to the broker; undefined before the first connection. */
  get way(): WayName | undefined {
    return this.#broker.way();
  }

  /** Creates the Sandbox, and does not wait for it; one that was attached to is there. Rejects with SandboxExists where another has its name. */
  async create(): Promise<void> {
    const { manifest } = this.#options;
    if (!manifest) return;
    // Where the answer is lost, it may be there.
    this.#mayBeOurs = true;
    await createOnce(this.#session, manifest).catch((error: unknown) => {
      if (error instanceof SandboxExists) this.#mayBeOurs = false;
      throw error;
    });
  }

  /** Creates the Sandbox where that was asked for, waits until it is Ready, and connects. Once: later calls wait for the first. */
  async init(): Promise<this> {
    if (this.#connection?.isOver()) this.#ready = undefined;
    this.#ready ??= this.#open();
    await this.#ready.catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this;
  }

  /**
   * Runs a command to its end. A text is run by the image's bash, else its sh; a list is a program and its arguments. An exit code that is not 0
   * is no error. Where `signal` fires, the command is ended with all of its session, and the call rejects at once.
   */
  async runCommand(command: string | readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return runCommand(await this.#place(), command, options);
  }

  /** Starts a command in the background. It goes on when this program ends; `attach` finds it by its id. */
  async startCommand(
    command: string | readonly string[],
    options: StartOptions = {},
  ): Promise<SandboxCommand> {
    const started = new SandboxCommand(await this.#place(), startRequest(command, options));
    await started.started;
    return started;
  }

  /**
   * Attaches to a command by its id, from as far back as its output is kept (256 KiB a channel). Whoever was attached before is no more, unless
   * this one only observes: then it never holds the command back, brings no input, and misses what it reads too late.
   */
  async attach(id: string, { observe = false }: { observe?: boolean } = {}): Promise<SandboxCommand> {
    const attached = new SandboxCommand(await this.#place(), {
      op: 'attach',
      id,
      ...(observe && { observe }),
    });
    await attached.started;
    return attached;
  }

  /** Those that run, and those that have ended and may still be attached to. */
  async listCommands(): Promise<CommandRow[]> {
    const place = await this.#place();
    const { commands } = await again(place, { what: 'list its commands' }, () =>
      ask(place, { op: 'commands' }),
    );
    return commands as CommandRow[];
  }

  /** Puts contents in place of what lies there, at once: no reader sees half of it. */
  writeFile(path: string, contents: Contents, options?: WriteOptions): Promise<void> {
    return this.#files.write(path, contents, options);
  }

  /** As UTF-8; what is none is replaced by U+FFFD. */
  readFile(path: string, options?: FileOptions): Promise<string> {
    return this.#files.text(path, options);
  }

  readBytes(path: string, options?: FileOptions): Promise<Buffer> {
    return this.#files.bytes(path, options);
  }

  /** Errors come with the stream. */
  readStream(path: string, options?: FileOptions): Readable {
    return this.#files.stream(path, options);
  }

  /** At most `max` entries of a folder, by default 10,000. */
  list(path: string, options?: FileOptions & { max?: number }): Promise<FileEntry[]> {
    return this.#files.list(path, options);
  }

  /** Of a link, the link itself. Rejects with SandboxRefused, `NotFound`, where nothing is there. */
  stat(path: string, options?: FileOptions): Promise<FileEntry> {
    return this.#files.stat(path, options);
  }

  remove(path: string, options?: FileOptions & { recursive?: boolean }): Promise<void> {
    return this.#files.remove(path, options);
  }

  /** With all that is missing above it, unless `parents` is false. */
  mkdir(path: string, options?: WriteOptions & { parents?: boolean }): Promise<void> {
    return this.#files.mkdir(path, options);
  }

  /** Puts what is in a folder of this machine into one there, or a file under its own name. */
  async upload(local: string, remote: string, options?: FileOptions & TransferLimits): Promise<Transferred> {
    return upload(await this.#place(), { local, remote }, options);
  }

  /**
   * Puts what is in a folder there into one of this machine, or a file under its own name. Nothing comes to lie outside that folder, whatever the
   * Sandbox sends; links that lead out of it are left out.
   */
  async download(remote: string, local: string, options?: DownloadOptions): Promise<Downloaded> {
    return download(await this.#place(), { local, remote }, options);
  }

  /**
   * Connects to a TCP port of the Sandbox's own localhost. Each half ends by itself; what is cut anywhere on the way is destroyed with an error.
   * Rejects with SandboxRefused, `ConnectionRefused`, where nothing listens.
   */
  async connect(port: number, options?: ConnectOptions): Promise<Duplex> {
    return connectTo(await this.#place(), port, options);
  }

  /** Lets programs of this machine connect to a port of the Sandbox's own localhost, until it is closed. */
  async forward(port: number, options?: ForwardOptions): Promise<Forwarding> {
    return forward(await this.#place(), port, options);
  }

  /** Ends the Pod and keeps the volumes. */
  async suspend(): Promise<void> {
    await suspendSandbox(this.#session, this.name);
    this.#forget();
  }

  /** Makes a Pod again, with the volumes, and waits until it is Ready. */
  async resume(): Promise<void> {
    await resumeSandbox(this.#session, this.name);
    this.#forget();
    await this.init();
  }

  /** Moves its end: see `Extension`. */
  async extend(extension: Extension): Promise<void> {
    await extendSandbox(this.#session, this.name, extension);
  }

  /** Closes the connection. The Sandbox and its commands go on. */
  close(): void {
    this.#forget();
  }

  /** Deletes the Sandbox with its volumes, whatever state it is in; is content where it is not there. */
  async teardown(): Promise<void> {
    this.#forget();
    await removeSandbox(this.#session, this.name);
  }

  /** `await using` deletes a Sandbox that it created, and closes the connection to one that was attached to. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#mayBeOurs) await this.teardown();
    else this.close();
  }

  #forget(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#ready = undefined;
  }

  async #open(): Promise<void> {
    const { closed } = this.#session;
    const { signal: own } = this.#options;
    const signal = own ? AbortSignal.any([own, closed]) : closed;
    signal.throwIfAborted();
    await this.create();
    // The way there takes as long as a Pod of a pool to become this Sandbox's.
    if (this.#isSoon()) void this.#broker.prepare();
    await waitUntilReady(this.#session, this.name, { ...this.#options, signal });
    const { namespace, name } = this;
    const opening = { broker: this.#broker, signal: own };
    this.#connection = connectionTo(this.#session, { namespace, name }, opening);
    await this.#connection.opened;
  }

  /** It is there already, or comes from a pool. */
  #isSoon(): boolean {
    const { manifest } = this.#options;
    return !manifest || manifest.spec.poolRef !== undefined;
  }

  async #place(): Promise<FilesPlace> {
    await this.init();
    if (!this.#connection) throw new Error('the Sandbox was closed meanwhile');
    return { sandbox: this.name, connection: this.#connection };
  }
}

/** A Sandbox of the session's namespace, created at `init` or before the first command. */
export function createSandbox(session: Session, options: CreateOptions): SandboxEnvironment {
  const manifest = manifestOf(options, session.namespace);
  const { signal, onProgress, readyTimeoutMs } = options;
  return new SandboxEnvironment(session, manifest.metadata.name, {
    manifest,
    signal,
    onProgress,
    readyTimeoutMs,
  });
}

/** A Sandbox that is there. Nothing is sent before `init` or the first command. */
export const attachSandbox = (
  session: Session,
  name: string,
  { signal, onProgress, readyTimeoutMs }: AttachSandboxOptions = {},
): SandboxEnvironment => new SandboxEnvironment(session, name, { signal, onProgress, readyTimeoutMs });
