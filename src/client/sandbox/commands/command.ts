/** A command in a Sandbox, started or attached to. It belongs to the Sandbox: connections come and go. */
import { Writable } from 'node:stream';
import { constants } from 'node:os';
import { HandLost, Refused, type HandStream } from '../../../hand/stream.ts';
import type { Exit, SignalScope, Size, Started } from '../../../wire/hand/protocol.ts';
import type { AttachedRequest, StartRequest } from '../../../wire/sandbox/requests.ts';
import { SessionGone, type Connection } from '../connection/connection.ts';
import { SandboxLost } from '../errors.ts';
import { asSandboxError } from '../refusals.ts';
import type { CommandExit } from '../types.ts';
import { Input, InputLost } from './input.ts';
import { Tap } from './tap.ts';

export interface CommandPlace {
  sandbox: string;
  connection: Connection;
}

const { signals } = constants;
const NAMES = new Map(Object.entries(signals).map(([name, number]) => [number, name as NodeJS.Signals]));

/** Between TERM and KILL. */
const GRACE_MS = 5000;

export class SandboxCommand {
  readonly id: string;
  /** Must be read or destroyed, and so must `stderr`: what nobody reads stops the program, as a pipe does. */
  readonly stdout = new Tap();
  readonly stderr = new Tap();
  /** Only of a command with `stdin` or `pty`. */
  readonly stdin: Writable;
  readonly #place: CommandPlace;
  readonly #input: Input;
  readonly #begun = Promise.withResolvers<Started>();
  readonly #observes: boolean;
  #hasStarted = false;
  #stream: HandStream | undefined;
  #isDetached = false;

  /** Resolves when it runs, as whom. Rejects with a SandboxError where it cannot. */
  readonly started = this.#begun.promise;
  /** How it ended. Rejects with a SandboxError where that is not known; never an exit code then. */
  readonly exited: Promise<CommandExit>;

  constructor(place: CommandPlace, request: StartRequest | AttachedRequest) {
    this.id = request.id;
    this.#place = place;
    this.#observes = request.op === 'attach' && request.observe === true;
    for (const tap of [this.stdout, this.stderr]) tap.on('error', () => {});
    this.#input = new Input(() => place.connection.room());
    this.stdin = writable(this.#input);
    this.exited = this.#follow(request).then(exitOf, (error: unknown) => this.#fail(error));
    for (const promise of [this.exited, this.started]) promise.catch(() => {});
  }

  /** Sends a signal, by default to all of its session. To end it for good: `end`. */
  kill(signal: NodeJS.Signals = 'SIGTERM', scope: SignalScope = 'session'): void {
    const stream = this.#stream;
    if (stream)
      this.#place.connection.send({ type: 'signal', stream: stream.id, signal: signals[signal], scope });
  }

  /** Ends it and all of its session: TERM, then KILL. Resolves to the number of processes that would not end. */
  async end({ graceMs = GRACE_MS }: { graceMs?: number } = {}): Promise<number> {
    const { sandbox, connection } = this.#place;
    try {
      const stream = connection.open({ op: 'end', id: this.id, scope: 'session', graceMs });
      const ended = await stream.ended;
      return ended.kind === 'result' ? Number(ended.result['left']) : 0;
    } catch (error) {
      // It has ended, and nobody asks for it any more.
      if (error instanceof Refused && error.reason === 'CommandMissing') return 0;
      throw asSandboxError(error, { sandbox, what: `end the command ${this.id}` });
    }
  }

  /** Of a command with `pty`: its terminal has this size from now on. */
  resize(size: Size): void {
    const stream = this.#stream;
    if (stream) this.#place.connection.send({ type: 'resize', stream: stream.id, ...size });
  }

  /** Reads no more; the command goes on, and can be attached to by its id. `exited` rejects. */
  detach(): void {
    this.#isDetached = true;
    if (this.#stream) this.#place.connection.closeStream(this.#stream);
  }

  /** Attaches again for as long as the command may be there. */
  async #follow(first: StartRequest | AttachedRequest): Promise<Exit> {
    const { connection } = this.#place;
    for (let request = first; ; request = this.#again(request)) {
      const wanted = { output: this.stdout.offset, error: this.stderr.offset, observe: this.#observes };
      const stream = connection.open(request, wanted);
      this.#stream = stream;
      if (this.#isDetached) connection.closeStream(stream);
      try {
        return await this.#use(stream);
      } catch (error) {
        if (error instanceof SessionGone) this.#input.detach();
        else throw this.#meant(error);
      }
    }
  }

  /** The request after a loss of the session. To start a command under its name again attaches to it, where it is not known whether it has started. */
  #again(request: StartRequest | AttachedRequest): StartRequest | AttachedRequest {
    if (request.op === 'run' && !this.#hasStarted) return request;
    const { id, stdout, stderr } = this;
    const observing = this.#observes && { observe: true };
    return { op: 'attach', id, output: stdout.offset, error: stderr.offset, ...observing };
  }

  async #use(stream: HandStream): Promise<Exit> {
    // Where it fails, the stream itself says why.
    const filled = Promise.all([this.stdout.fill(stream.output), this.stderr.fill(stream.error)]);
    filled.catch(() => {});
    try {
      const started = await stream.started;
      this.#begin(started);
      const fed = this.#input.attach(stream.input, started.input);
      const ended = await Promise.race([stream.ended, fed.then(() => stream.ended)]);
      if (ended.kind !== 'exit') throw new HandLost('the answer is no exit');
      this.#demandAll(stream, ended.exit);
      this.#input.close();
      void filled.then(
        () => this.#finish(),
        (error: unknown) => this.#destroy(error as Error),
      );
      return ended.exit;
    } catch (error) {
      this.#place.connection.closeStream(stream);
      throw error;
    }
  }

  /** Throws SandboxLost where bytes are missing between those that have come and those that will. */
  #begin(started: Started): void {
    const gap = Math.max(started.output - this.stdout.offset, started.error - this.stderr.offset);
    if (this.#hasStarted && gap > 0 && !this.#observes)
      throw this.#lost(`${gap} bytes of what the command ${this.id} wrote are no longer kept`);
    this.stdout.offset = Math.max(this.stdout.offset, started.output);
    this.stderr.offset = Math.max(this.stderr.offset, started.error);
    this.#hasStarted = true;
    this.#begun.resolve(started);
  }

  #demandAll({ output, error }: HandStream, exit: Exit): void {
    if (this.#observes || (output.offset === exit.output && error.offset === exit.error)) return;
    const [out, err] = [`${output.offset} of ${exit.output}`, `${error.offset} of ${exit.error}`];
    throw this.#lost(`${out} bytes of stdout and ${err} of stderr have come`);
  }

  #lost(why: string): SandboxLost {
    return new SandboxLost(this.#place.sandbox, why);
  }

  /** What failed, once the command was there before, is contact with it. */
  #meant(error: unknown): unknown {
    const isGone = error instanceof Refused && error.reason === 'CommandMissing' && this.#hasStarted;
    if (isGone) return this.#lost(`the command ${this.id} is not known there any more`);
    if (error instanceof InputLost || error instanceof HandLost) return this.#lost(error.message);
    return asSandboxError(error, { sandbox: this.#place.sandbox, what: `run the command ${this.id}` });
  }

  #finish(): void {
    this.stdout.finish();
    this.stderr.finish();
  }

  #fail(error: unknown): never {
    this.#begun.reject(error);
    this.#input.close();
    this.#destroy(error as Error);
    throw error;
  }

  #destroy(error: Error): void {
    this.stdout.destroy(error);
    this.stderr.destroy(error);
  }
}

/** Once nobody reads any more, what is written goes nowhere. */
function writable(input: Input): Writable {
  const done = (work: Promise<unknown>, callback: (error?: Error | null) => void): void =>
    void work.then(() => callback(), callback);
  return new Writable({
    highWaterMark: 64 * 1024,
    write: (chunk: Buffer, _encoding, callback) => done(input.write(chunk), callback),
    final: (callback) => done(input.end(), callback),
  });
}

function exitOf({ code, signal, timedOut, oomKills }: Exit): CommandExit {
  const name = signal === undefined ? undefined : NAMES.get(signal);
  return { exitCode: code ?? 128 + (signal ?? 0), ...(name && { signal: name }), timedOut, oomKills };
}
