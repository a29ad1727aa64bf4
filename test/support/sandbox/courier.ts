/** A courier for tests of the client: speaks the link and the hand protocol, runs commands of this machine, and has files below a folder. */
import { randomBytes } from 'node:crypto';
import { decodeFrame, encodeFrame, frameCutter, type Frame } from '../../../src/wire/hand/frames.ts';
import { CHANNEL, STDIN_WINDOW, type Reason } from '../../../src/wire/hand/protocol.ts';
import { greeting, Link, LINK_VERSION, readGreeting } from '../../../src/wire/sandbox/link.ts';
import { readRequest, type SandboxRequest } from '../../../src/wire/sandbox/requests.ts';
import type { Connect } from '../../../src/client/sandbox/connection/socket.ts';
import { PeerCommand, type PeerStream } from './commands.ts';
import { fileWork, PeerRefusal } from './files.ts';
import { PeerConnection } from './ports.ts';
import { pipe, type FarEnd } from './pipe.ts';

interface PeerSession {
  id: string;
  secret: string;
  link: Link;
  streams: Map<number, OpenStream>;
  over?: FarEnd;
}

interface OpenStream extends PeerStream {
  request: Buffer[];
  /** What goes on with it once it was asked for. */
  at?: { receive(frame: Frame): void; drop(): void };
  /** What a file operation is brought. */
  input: { push(bytes: Uint8Array | null): void } | undefined;
}

export class TestCourier {
  readonly commands = new Map<string, PeerCommand>();
  readonly #root: string;
  #sessions = new Map<string, PeerSession>();
  /** All connections that there were. */
  connections = 0;
  greetings: ('new' | 'resumed' | 'refused')[] = [];
  requests: SandboxRequest[] = [];
  /** Says this of its version. */
  minor: number = LINK_VERSION.minor;
  /** How far programs have let file operations go. */
  credits: number[] = [];
  /** For the next connections: when they break. */
  breaks: number[] = [];
  /** In milliseconds, of the session token. */
  tokenMs = 600_000;
  /** Answers `tar`. */
  tar: (() => Buffer) | undefined;
  /** Rejects the next attempts to connect. */
  refusals: Error[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  readonly connect: Connect = async (signal) => {
    signal.throwIfAborted();
    const refusal = this.refusals.shift();
    if (refusal) throw refusal;
    this.connections += 1;
    const breaksAfter = this.breaks.shift();
    const { near, far } = pipe({
      expiresAt: Date.now() + this.tokenMs,
      ...(breaksAfter !== undefined && { breaksAfter }),
    });
    this.accept(far);
    return near;
  };

  /** Breaks every connection. */
  cut(after: Parameters<FarEnd['close']>[0] = 'retry'): void {
    for (const { over } of this.#sessions.values()) over?.close(after);
  }

  /** Forgets all sessions, and of commands what sbd does not keep. */
  restart(kept?: number): void {
    this.cut();
    this.#cutConnections();
    this.#sessions = new Map();
    for (const command of this.commands.values()) command.forget(kept);
  }

  close(): void {
    for (const command of this.commands.values()) command.kill(9);
    this.#cutConnections();
    this.cut();
  }

  /** As sbd does where it loses its courier. */
  #cutConnections(): void {
    for (const { streams } of this.#sessions.values())
      for (const { at } of streams.values()) if (at instanceof PeerConnection) at.drop();
  }

  /** A connection from the broker. */
  accept(far: FarEnd): void {
    let session: PeerSession | undefined;
    const cut = frameCutter((frame) => {
      // Of an earlier connection nothing counts any more.
      if (session) return session.over === far ? session.link.take(frame) : undefined;
      const hello = readGreeting('hello', frame);
      session = hello.session ? this.#sessions.get(hello.session.id) : this.#newSession();
      if (!session || (hello.session && hello.session.secret !== session.secret)) {
        this.greetings.push('refused');
        far.send(greeting('refused', { reason: 'SessionUnknown', message: 'the courier was restarted' }));
        return;
      }
      this.greetings.push(hello.session ? 'resumed' : 'new');
      session.over = far;
      const { id, secret, link } = session;
      far.send(
        greeting('welcome', {
          ...LINK_VERSION,
          minor: this.minor,
          session: { id, secret },
          received: link.received,
        }),
      );
      link.connect((bytes) => far.send(bytes), hello.received);
    });
    far.onBytes = cut;
    far.onClosed = () => {
      if (session?.over === far) session.link.disconnect();
    };
  }

  #newSession(): PeerSession {
    const key = { id: randomBytes(8).toString('hex'), secret: randomBytes(16).toString('hex') };
    const streams = new Map<number, OpenStream>();
    const session: PeerSession = {
      ...key,
      streams,
      link: new Link({
        onFrame: (bytes) => {
          const frame = decodeFrame(bytes);
          if (frame) this.#receive(session, frame);
        },
        onRoom: () => {},
      }),
    };
    this.#sessions.set(key.id, session);
    return session;
  }

  #receive(session: PeerSession, frame: Frame): void {
    const stream = session.streams.get(frame.stream);
    if (frame.type === 'openPart' || frame.type === 'open')
      this.#ask(stream ?? this.#newStream(session, frame.stream), frame);
    else if (frame.type === 'close') {
      stream?.at?.drop();
      session.streams.delete(frame.stream);
    } else if (stream?.at) stream.at.receive(frame);
    else this.#ofFile(stream, frame);
  }

  /** Credit may come when all is sent already. */
  #ofFile(stream: OpenStream | undefined, frame: Frame): void {
    if (frame.type === 'credit') this.credits.push(frame.upTo);
    else if (stream) takeInput(stream, frame);
  }

  #ask(stream: OpenStream, { type, bytes }: Extract<Frame, { type: 'open' | 'openPart' }>): void {
    stream.request.push(Buffer.from(bytes));
    if (type === 'open') this.#begin(stream);
  }

  #newStream(session: PeerSession, id: number): OpenStream {
    const isOver = (frame: Frame): boolean => ['exit', 'result', 'error'].includes(frame.type);
    const stream: OpenStream = {
      id,
      request: [],
      input: undefined,
      send: (frame) => {
        if (!session.streams.has(id)) return;
        if (isOver(frame)) session.streams.delete(id);
        session.link.send(encodeFrame(frame));
      },
    };
    session.streams.set(id, stream);
    return stream;
  }

  #begin(stream: OpenStream): void {
    const fail = (reason: Reason, message: string): void =>
      stream.send({ type: 'error', stream: stream.id, body: { reason, message } });
    try {
      const request = readRequest(Buffer.concat(stream.request));
      this.requests.push(request);
      this.#carryOut(request, stream).catch((error: unknown) =>
        error instanceof PeerRefusal ? fail(error.reason, error.message) : fail('Internal', String(error)),
      );
    } catch (error) {
      fail('BadRequest', (error as Error).message);
    }
  }

  async #carryOut(request: SandboxRequest, stream: OpenStream): Promise<void> {
    const result = (body: Record<string, unknown>): void =>
      stream.send({ type: 'result', stream: stream.id, body });
    switch (request.op) {
      case 'run':
        return this.#run(request, stream);
      case 'attach': {
        const { output = 0, error = 0 } = request;
        return attach(stream, { command: this.#command(request.id), from: { output, error } });
      }
      case 'connect':
        stream.at = new PeerConnection(request.port, stream);
        return;
      case 'commands':
        return result({
          commands: [...this.commands.values()].map(({ id, child }) => ({
            id,
            pid: child.pid,
            running: child.exitCode === null && child.signalCode === null,
          })),
        });
      case 'end':
        this.#command(request.id).kill(9);
        return result({ left: 0 });
      default: {
        const work = fileWork(request, { root: this.#root, tar: this.tar });
        if (work.takes) stream.input = inputOf(work.takes, stream);
        for await (const [offset, bytes] of pieces(work.yields()))
          stream.send({ type: 'data', stream: stream.id, channel: CHANNEL.output, offset, bytes });
        return result(await work.result());
      }
    }
  }

  #run(request: Extract<SandboxRequest, { op: 'run' }>, stream: OpenStream): void {
    const known = this.commands.get(request.id);
    if (!known && request.argv?.[0]?.startsWith('/nowhere'))
      throw new PeerRefusal('ProgramMissing', request.argv[0]);
    const command = known ?? new PeerCommand(request);
    this.commands.set(request.id, command);
    attach(stream, { command, from: { output: 0, error: 0 } });
  }

  #command(id: string): PeerCommand {
    const command = this.commands.get(id);
    if (!command) throw new PeerRefusal('CommandMissing', `there is no ${id}`);
    return command;
  }
}

function attach(
  stream: OpenStream,
  { command, from }: { command: PeerCommand; from: Parameters<PeerCommand['attach']>[1] },
): void {
  stream.at = { receive: (frame) => command.receive(frame), drop: () => command.detach(stream) };
  command.attach(stream, from);
}

function takeInput({ input }: OpenStream, frame: Frame): void {
  if (frame.type === 'data') input?.push(frame.bytes);
  else if (frame.type === 'eof') input?.push(null);
}

/** Passes on what arrives, and allows more as it is taken. */
function inputOf(
  takes: (bytes: Uint8Array | null) => Promise<void>,
  stream: PeerStream,
): OpenStream['input'] {
  let taken = 0;
  let queue = Promise.resolve();
  return {
    push: (bytes) => {
      queue = queue
        .then(() => takes(bytes))
        .then(() => {
          taken += bytes?.length ?? 0;
          stream.send({
            type: 'credit',
            stream: stream.id,
            channel: CHANNEL.input,
            upTo: taken + STDIN_WINDOW,
          });
        });
    },
  };
}

async function* pieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<[number, Uint8Array]> {
  let offset = 0;
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += 32 * 1024) {
      const piece = chunk.subarray(at, at + 32 * 1024);
      yield [offset, piece];
      offset += piece.length;
    }
}
