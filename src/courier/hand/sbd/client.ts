/**
 * sbd, the hand inside the task container, as the courier uses it. Whatever rejects does so with Refused, where sbd says why, or with HandLost,
 * where nobody knows what became of it: after that, `ready` waits for the next connection, and commands can be attached to again by their names.
 */
import { addAbortSignal, Writable } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Frame } from '../../../wire/hand/frames.ts';
import type {
  AttachRequest,
  CheckedIdentity,
  CommandState,
  Copied,
  Ending,
  Entry,
  Exit,
  FilesRequest,
  Halted,
  Link,
  Looked,
  Request,
  RunRequest,
  ShortRequest,
  SignalScope,
  Size,
  Started,
  WatchEvent,
} from '../../../wire/hand/protocol.ts';
import { Connection } from './connection.ts';
import type { Relay, StreamEnd } from './connection.ts';
import { listen } from './listener.ts';
import type { ListenerOptions, Proven } from './listener.ts';
import { HandLost } from '../../../hand/stream.ts';
import type { HandStream, Inflow, Outflow } from '../../../hand/stream.ts';
import { watchEvents } from './watch.ts';

/** A command that has been started or attached to. */
export interface Running {
  started: Started;
  /** Must be read or destroyed: what nobody reads stops the program. Destroying leaves that to `close`. */
  stdout: Inflow;
  stderr: Inflow;
  stdin: Outflow;
  /** Rejects with HandLost where that is not known; never 0 then. */
  exited: Promise<Exit>;
  signal(signal: number, scope?: SignalScope): void;
  resize(size: Size): void;
  /** No more interest: its output goes nowhere from now on, and it is forgotten when it has ended. */
  close(): void;
}

export type Start = Omit<RunRequest, 'op'>;
type Of<Op extends FilesRequest['op']> = Omit<Extract<FilesRequest, { op: Op }>, 'op'>;

export interface SbdOptions extends Omit<ListenerOptions, 'onStranger'> {
  /** Somebody else has connected, or spoken where sbd should: a finding. */
  onStranger?: (what: string) => void;
  /** The kubelet has told the container to end. */
  onStopping?: () => void;
  /** Between the loss of the connection and the belief that the container has ended. sbd needs milliseconds to connect again. */
  goneAfterMs?: number;
}

const GONE_AFTER_MS = 5000;

export class Sbd {
  readonly #listener: { close(): void };
  readonly #options: SbdOptions;
  readonly #gone = Promise.withResolvers<void>();
  #connection: Connection | undefined;
  #ready = Promise.withResolvers<void>();
  #goneTimer: NodeJS.Timeout | undefined;
  #isGone = false;
  #stopping = false;
  #ending = false;
  #version = '';

  /** Resolves when the container has ended, as far as can be told: sbd does not connect again. */
  readonly gone = this.#gone.promise;

  constructor(options: SbdOptions) {
    this.#options = options;
    const { onStranger = () => {} } = options;
    this.#listener = listen({ ...options, onStranger }, (proven) => this.#connected(proven));
  }

  /** Resolves when sbd is there, the first time and after each loss. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  isGone(): boolean {
    return this.#isGone;
  }

  /** True once the kubelet has told the container to end. */
  toldToStop(): boolean {
    return this.#stopping;
  }

  /** Of the sbd that is connected. */
  version(): string {
    return this.#version;
  }

  /** Starts a command. */
  async run(start: Start): Promise<Running> {
    return await this.#running({ op: 'run', ...start });
  }

  /** Attaches to a command that was started before, from these offsets on, or from as far back as its output is kept. */
  async attach(attach: Omit<AttachRequest, 'op'>): Promise<Running> {
    return await this.#running({ op: 'attach', ...attach });
  }

  /** Runs a command to its end. What it writes to `stream` sinks goes to the writables, or nowhere. */
  async execute(start: Start, to: { stdout?: Writable; stderr?: Writable } = {}): Promise<Exit> {
    const running = await this.run(start);
    try {
      const [exit] = await Promise.all([
        running.exited,
        pipeline(running.stdout, to.stdout ?? nowhere()),
        pipeline(running.stderr, to.stderr ?? nowhere()),
      ]);
      return exit;
    } finally {
      running.close();
    }
  }

  /** Opens a stream whose frames go to `end` as they are. Throws HandLost or Refused. */
  relay(request: Request, end: StreamEnd): Relay {
    if (!this.#connection) throw new HandLost('sbd is not connected');
    return this.#connection.relay(request, end);
  }

  /** Says as whom a command would run. Rejects with what `run` would. */
  async check(command: Pick<Start, 'user' | 'workdir' | 'interpreter'>): Promise<CheckedIdentity> {
    return (await this.#short({ op: 'check', ...command })) as unknown as CheckedIdentity;
  }

  async commands(): Promise<CommandState[]> {
    return (await this.#short({ op: 'commands' }))['commands'] as CommandState[];
  }

  /** Ends a command with all that is in the scope; resolves how many processes would not end. */
  async end(id: string, ending: Ending): Promise<number> {
    return await this.#left({ op: 'end', id, ...ending });
  }

  /** Does something while everybody in the container is halted. It is told how many processes were left since the mark, and how many of those are guests’. */
  async whileHalted<T>(
    { left = 'keep', agentUid }: { left?: 'keep' | 'end' | 'kill'; agentUid?: number },
    work: (left: Pick<Halted, 'left' | 'guests'>, killLeft: () => Promise<number>) => Promise<T>,
  ): Promise<T> {
    const agent = agentUid === undefined ? {} : { agentUid };
    const halted = await this.#short({ op: 'halt', left, ...agent });
    try {
      const count = { left: Number(halted['left']), guests: Number(halted['guests']) };
      return await work(count, () => this.#left({ op: 'halt', left: 'kill', ...agent }));
    } finally {
      await this.#short({ op: 'resume' });
    }
  }

  /** Halts everybody until `resume`, and makes readable what sbd was told to; resolves how many act all the same. */
  async halt(): Promise<number> {
    return Number((await this.#short({ op: 'halt', left: 'keep', readable: true }))['acting']);
  }

  /** Lets those go on that were halted; resolves false where they did so before, as after a break of the connection. */
  async resume(): Promise<boolean> {
    return (await this.#short({ op: 'resume' }))['halted'] === true;
  }

  /** Ends every process but sbd, and makes readable what sbd was told to; resolves how many are left. */
  async freeze(): Promise<number> {
    return await this.#left({ op: 'freeze' });
  }

  /** Ends the container. */
  exit(code: number): void {
    this.#ending = true;
    // Nobody answers that.
    this.#short({ op: 'exit', code }).catch(() => {});
  }

  /** A file's contents. Errors come with the stream. */
  readFile(read: Of<'read'>): Readable {
    return this.#outputOf({ op: 'read', ...read });
  }

  /** A tar of a file or folder. It is hostile: check what is unpacked. */
  tar(tar: Of<'tar'>): Readable {
    return this.#outputOf({ op: 'tar', ...tar });
  }

  async writeFile(write: Of<'write'>, contents: Readable | Uint8Array): Promise<void> {
    await this.#bring({ op: 'write', ...write }, contents);
  }

  /** Unpacks a tar below a directory. */
  async untar(
    untar: Of<'untar'>,
    archive: Readable | Uint8Array,
  ): Promise<{ entries: number; bytes: number }> {
    return (await this.#bring({ op: 'untar', ...untar }, archive)) as { entries: number; bytes: number };
  }

  async stat(stat: Of<'stat'>): Promise<Entry> {
    return (await this.#short({ op: 'stat', ...stat })) as unknown as Entry;
  }

  /** At most `max` entries, 10,000 by default. */
  async list(list: Of<'list'>): Promise<Entry[]> {
    return await linesOf<Entry>(this.#outputOf({ op: 'list', ...list }));
  }

  /** Links below a folder, and whether there may be more. */
  async links(links: Of<'links'>): Promise<Looked & { links: Link[] }> {
    const stream = this.#open({ op: 'links', ...links });
    const [found, ended] = await Promise.all([linesOf<Link>(stream.output), stream.ended]);
    return { links: found, more: ended.kind !== 'result' || ended.result['more'] !== false };
  }

  /**
   * What happens to a file or folder from the event `watching` on. It begins with the first `next`, and ends with the event `ended`, when its
   * reader stops, or at `signal`. Who reads too slowly is told `overflow`, and has to list again.
   */
  async *watch(watch: Of<'watch'>, signal?: AbortSignal): AsyncGenerator<WatchEvent> {
    signal?.throwIfAborted();
    const output = this.#outputOf({ op: 'watch', ...watch });
    yield* watchEvents(signal ? addAbortSignal(signal, output) : output);
  }

  async remove(remove: Of<'remove'>): Promise<void> {
    await this.#short({ op: 'remove', ...remove });
  }

  async mkdir(mkdir: Of<'mkdir'>): Promise<void> {
    await this.#short({ op: 'mkdir', ...mkdir });
  }

  /** Gives up at `signal`: rejects with Refused, or where that came before, with its reason. */
  async copy(copy: Of<'copy'>, signal?: AbortSignal): Promise<Copied> {
    return (await this.#short({ op: 'copy', ...copy }, signal)) as unknown as Copied;
  }

  /** Commands in the container go on. */
  close(): void {
    clearTimeout(this.#goneTimer);
    this.#listener.close();
    this.#connection?.destroy(new HandLost('the courier has closed the connection'));
  }

  #connected(proven: Proven): void {
    clearTimeout(this.#goneTimer);
    this.#version = proven.version;
    const connection = new Connection(proven, {
      onStopping: () => {
        this.#stopping = true;
        this.#options.onStopping?.();
      },
      onBroken: (what) => this.#options.onStranger?.(what),
      onClose: () => this.#lost(connection),
    });
    this.#connection = connection;
    this.#ready.resolve();
  }

  #lost(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#ready = Promise.withResolvers<void>();
    if (this.#ending || this.#stopping) this.#end();
    else this.#goneTimer = setTimeout(() => this.#end(), this.#options.goneAfterMs ?? GONE_AFTER_MS);
  }

  #end(): void {
    this.#isGone = true;
    this.#ready.promise.catch(() => {});
    this.#ready.reject(new HandLost('the task container has ended'));
    this.#gone.resolve();
  }

  #open(request: Request, wanted?: { output: number; error: number }): HandStream {
    if (!this.#connection) throw new HandLost('sbd is not connected');
    return this.#connection.open(request, wanted);
  }

  async #running(request: RunRequest | AttachRequest): Promise<Running> {
    const { output = 0, error = 0 } = request.op === 'attach' ? request : {};
    const stream = this.#open(request, { output, error });
    const connection = this.#connection;
    const started = await stream.started;
    const send = (frame: Frame): void => connection?.send(frame);
    const exited = stream.ended.then((ended) => {
      if (ended.kind === 'exit') return ended.exit;
      throw new HandLost('sbd has answered with something else than an exit');
    });
    // Nobody may be waiting for it.
    exited.catch(() => {});
    return {
      started,
      stdout: stream.output,
      stderr: stream.error,
      stdin: stream.input,
      exited,
      signal: (signal, scope = 'leader') => send({ type: 'signal', stream: stream.id, signal, scope }),
      resize: (size) => send({ type: 'resize', stream: stream.id, ...size }),
      close: () => connection?.closeStream(stream),
    };
  }

  async #short(request: ShortRequest | FilesRequest, signal?: AbortSignal): Promise<Record<string, unknown>> {
    signal?.throwIfAborted();
    const stream = this.#open(request);
    const connection = this.#connection;
    const giveUp = (): void => connection?.closeStream(stream);
    signal?.addEventListener('abort', giveUp, { once: true });
    const ended = await stream.ended.finally(() => signal?.removeEventListener('abort', giveUp));
    if (ended.kind === 'result') return ended.result;
    throw new HandLost('sbd has answered with something else than a result');
  }

  async #left(request: ShortRequest): Promise<number> {
    return Number((await this.#short(request))['left']);
  }

  #outputOf(request: FilesRequest): Readable {
    const stream = this.#open(request);
    const connection = this.#connection;
    // Who stops reading stops sbd.
    stream.output.once('close', () => connection?.closeStream(stream));
    return stream.output;
  }

  async #bring(request: FilesRequest, contents: Readable | Uint8Array): Promise<Record<string, unknown>> {
    const stream = this.#open(request);
    const sent = async (): Promise<void> => {
      if (contents instanceof Uint8Array) await stream.input.write(contents);
      else for await (const chunk of contents) if (!(await stream.input.write(chunk as Buffer))) break;
      stream.input.end();
    };
    const connection = this.#connection;
    const sending = sent().catch((error: unknown) => {
      connection?.closeStream(stream);
      throw error;
    });
    const [ended] = await Promise.all([stream.ended, sending]);
    return ended.kind === 'result' ? ended.result : {};
  }
}

async function linesOf<T>(output: Readable): Promise<T[]> {
  const chunks = (await Array.fromAsync(output)) as Buffer[];
  const lines = Buffer.concat(chunks).toString().split('\n');
  return lines.filter(Boolean).map((line) => JSON.parse(line) as T);
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
