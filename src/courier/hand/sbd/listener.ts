/**
 * The courier's end of the way to sbd: a Unix socket in the control volume, and the proof that whoever connects is sbd.
 *
 * The task container sees the socket, and root there can connect to it. The first time nobody but sbd lives there, so whoever comes first is
 * believed and given a secret; sbd keeps it in memory that nobody else in the container can read, the courier in a volume of its own. From
 * then on (sbd has lost the connection, or the kubelet has started the courier again) only who knows the secret is believed.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { BadFrame } from '../../../wire/hand/bodies.ts';
import { encodeFrame, frameReader } from '../../../wire/hand/frames.ts';
import { release } from '../../../wire/hand/release.ts';
import type { Frame } from '../../../wire/hand/frames.ts';
import { isProof, proofOf } from '../../../wire/hand/proof.ts';
import type { Nonces } from '../../../wire/hand/proof.ts';
import { PROTOCOL } from '../../../wire/hand/protocol.ts';
import { HAND_SOCKET } from '../../../wire/pod-paths.ts';
import type { Hello, Reason } from '../../../wire/hand/protocol.ts';

export interface ListenerOptions {
  /** Folder of the control volume. */
  control: string;
  /** Folder that only the courier mounts, and that outlives its container. */
  own: string;
  /** For whoever is not believed; one sentence each. */
  onStranger: (what: string) => void;
  courierUid?: number;
  /** Of the socket: 0o600 by default, which root passes. Where sbd has another user, that one must be able to write to it. */
  mode?: number;
}

/** A connection that sbd has proven to be its own. */
export interface Proven {
  socket: Socket;
  version: string;
  /** Hands on what arrives from now on. Called once. */
  read: (onFrame: (frame: Frame, whole: Buffer) => void, onBroken: (error: BadFrame) => void) => void;
}

/** How long a stranger may take to prove itself. */
const PROOF_MS = 10_000;
/** Connections at a time that have proven nothing yet; the oldest gives way. */
const STRANGERS_MAX = 32;

export interface Listener {
  close: () => void;
}

/** Listens, and hands on each connection that is proven: one at a time, since the socket is gone while one is there. */
export function listen(options: ListenerOptions, onProven: (proven: Proven) => void): Listener {
  const path = join(options.control, HAND_SOCKET);
  const secret = secretOf(options.own);
  const strangers = new Set<Socket>();
  let server: Server | undefined;
  let closed = false;

  const take = (proven: Proven): void => {
    for (const other of strangers) other.destroy();
    strangers.clear();
    server?.close();
    server = undefined;
    rmSync(path, { force: true });
    // From here on something of the image may run.
    secret.settle();
    proven.socket.once('close', () => {
      if (!closed) open();
    });
    onProven(proven);
  };

  const greet = (socket: Socket): void => {
    if (!server) return void socket.destroy();
    const [oldest] = strangers;
    if (strangers.size >= STRANGERS_MAX) oldest?.destroy();
    strangers.add(socket);
    socket.once('close', () => strangers.delete(socket));
    prove(socket, { secret, ...options }).then(
      (proven) => {
        strangers.delete(socket);
        if (server) take(proven);
        else socket.destroy();
      },
      (error: Error) => {
        if (server) options.onStranger(error.message);
      },
    );
  };

  function open(): void {
    rmSync(path, { force: true });
    server = createServer(greet);
    server.on('error', (error) => options.onStranger(error.message));
    // Bound under another name, so that nobody connects before its mode is right.
    const unready = join(options.control, `.${HAND_SOCKET}`);
    rmSync(unready, { force: true });
    server.listen(unready, () => {
      chmodSync(unready, options.mode ?? 0o600);
      renameSync(unready, path);
    });
  }

  open();
  return {
    close: () => {
      closed = true;
      for (const stranger of strangers) stranger.destroy();
      server?.close();
      rmSync(path, { force: true });
    },
  };
}

interface Secret {
  text: string;
  /** Whether something of the image may run already: then nobody is believed without a proof. */
  settled(): boolean;
  settle(): void;
}

/** The secret of this Pod, made before anybody can ask for it. */
function secretOf(own: string): Secret {
  const file = join(own, 'hand-secret');
  const mark = join(own, 'hand-settled');
  if (!existsSync(file)) {
    writeFileSync(`${file}.new`, randomBytes(32).toString('hex'), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return {
    text: readFileSync(file, 'utf8'),
    settled: () => existsSync(mark),
    settle: () => writeFileSync(mark, '', { mode: 0o600 }),
  };
}

class NotProven extends Error {
  override readonly name = 'NotProven';
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Greets whoever has connected. Rejects for who is not sbd, and closes the connection with a word that says why. */
async function prove(
  socket: Socket,
  { secret, courierUid = process.getuid?.() ?? 0 }: ListenerOptions & { secret: Secret },
): Promise<Proven> {
  const inbox = new Inbox(socket);
  const timer = setTimeout(() => inbox.fail(new NotProven('NotProven', 'it took too long')), PROOF_MS);
  try {
    const hello = await inbox.next();
    if (hello.type !== 'hello') throw new NotProven('BadFrame', 'it did not greet');
    demandVersion(hello.body);
    const nonces = { sbd: hello.body.nonce, courier: randomBytes(32).toString('hex') };
    const known = wordFor(hello.body, secret, nonces);
    const body = { ...PROTOCOL, nonce: nonces.courier, courierUid, ...known };
    socket.write(encodeFrame({ type: 'welcome', stream: 0, body }));
    const proof = await inbox.next();
    if (proof.type !== 'proof' || !isProof(proof.body.proof, proofOf('sbd', secret.text, nonces)))
      throw new NotProven('NotProven', 'somebody who does not know the secret has connected to the courier');
    return { socket, version: hello.body.version, read: inbox.handOver };
  } catch (error) {
    const { reason, message } =
      error instanceof NotProven ? error : { reason: 'BadFrame' as const, message: (error as Error).message };
    socket.end(encodeFrame({ type: 'error', stream: 0, body: { reason, message } }));
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The secret for one that does not know it, or the proof that the courier does. */
function wordFor({ knows }: Hello, secret: Secret, nonces: Nonces): { secret: string } | { proof: string } {
  if (knows) return { proof: proofOf('courier', secret.text, nonces) };
  if (secret.settled())
    throw new NotProven('NotProven', 'somebody who is not sbd has connected to the courier');
  return { secret: secret.text };
}

function demandVersion({ major, version }: Hello): void {
  if (major === PROTOCOL.major) return;
  throw new NotProven(
    'UnsupportedVersion',
    `sbd ${version} speaks version ${major} of the protocol, the courier speaks version ${PROTOCOL.major}`,
  );
}

/** The frames of a connection, one by one until it is handed over. */
class Inbox {
  readonly #waiting: [Frame, Buffer][] = [];
  #next: PromiseWithResolvers<Frame> | undefined;
  #broken: Error | undefined;
  #onFrame: ((frame: Frame, whole: Buffer) => void) | undefined;
  #onBroken: ((error: BadFrame) => void) | undefined;

  constructor(socket: Socket) {
    const read = frameReader((frame, whole) => this.#take(frame, whole));
    socket.on('data', (chunk: Buffer) => {
      try {
        read(chunk);
        release(chunk);
      } catch (error) {
        if (!(error instanceof BadFrame)) throw error;
        this.fail(error);
      }
    });
    socket.on('error', (error) => this.fail(error));
    socket.once('close', () => this.fail(new Error('the connection was closed')));
  }

  next(): Promise<Frame> {
    const [frame] = this.#waiting.shift() ?? [];
    if (frame) return Promise.resolve(frame);
    if (this.#broken) return Promise.reject(this.#broken);
    this.#next = Promise.withResolvers<Frame>();
    return this.#next.promise;
  }

  fail(error: Error): void {
    this.#broken ??= error;
    this.#next?.reject(error);
    this.#next = undefined;
    if (error instanceof BadFrame) this.#onBroken?.(error);
  }

  readonly handOver: Proven['read'] = (onFrame, onBroken) => {
    this.#onFrame = onFrame;
    this.#onBroken = onBroken;
    for (const [frame, whole] of this.#waiting.splice(0)) onFrame(frame, whole);
  };

  #take(frame: Frame, whole: Buffer): void {
    if (this.#onFrame) return this.#onFrame(frame, whole);
    // A greeting is three frames; whoever says more before it is over is not sbd.
    if (this.#waiting.length >= 4) return this.fail(new BadFrame('too much was said before the greeting'));
    if (!this.#next) return void this.#waiting.push([frame, whole]);
    this.#next.resolve(frame);
    this.#next = undefined;
  }
}
