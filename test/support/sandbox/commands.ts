/** Commands of a courier in a test: processes of this machine, whose output waits for credit. */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Frame } from '../../../src/wire/hand/frames.ts';
import { DATA_MAX } from '../../../src/wire/hand/frames.ts';
import {
  CHANNEL,
  STDIN_WINDOW,
  WINDOW,
  type Channel,
  type Started,
} from '../../../src/wire/hand/protocol.ts';
import type { StartRequest } from '../../../src/wire/sandbox/requests.ts';

/** A stream that a program has opened. */
export interface PeerStream {
  id: number;
  send(frame: Frame): void;
}

class PeerChannel {
  readonly number: Channel;
  /** All that was written, or what is kept of it: `data` begins at offset `base`. */
  data = Buffer.alloc(0);
  base = 0;
  isOver = false;
  sent = 0;
  granted = WINDOW;
  isTold = false;

  constructor(number: Channel) {
    this.number = number;
  }

  get total(): number {
    return this.base + this.data.length;
  }

  attach(from: number): number {
    this.sent = Math.max(from, this.base);
    this.granted = this.sent + WINDOW;
    this.isTold = false;
    return this.sent;
  }
}

export class PeerCommand {
  readonly id: string;
  readonly child: ChildProcess;
  readonly #channels = [new PeerChannel(CHANNEL.output), new PeerChannel(CHANNEL.error)] as const;
  #stream: PeerStream | undefined;
  #exit: { code?: number; signal?: number } | undefined;
  #timedOut = false;
  #input = 0;

  constructor(request: StartRequest) {
    this.id = request.id;
    const { command, argv = [], timeoutMs } = request;
    const [program = '', ...args] = command === undefined ? argv : ['sh', '-c', command];
    this.child = spawn(program, args, {
      env: { PATH: process.env['PATH'], ...request.env },
      ...(request.workdir !== undefined && { cwd: request.workdir }),
      stdio: [request.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const timer = timeoutMs && setTimeout(() => this.#expire(), timeoutMs);
    for (const channel of this.#channels) this.#collect(channel);
    this.child.stdin?.on('error', () => {});
    this.child.once('close', (code, signal) => {
      clearTimeout(timer);
      this.#exit = signal === null ? { code: code ?? 0 } : { signal: constants.signals[signal] };
      this.#flush();
    });
  }

  attach(stream: PeerStream, from: { output: number; error: number }): void {
    this.#stream?.send({
      type: 'error',
      stream: this.#stream.id,
      body: { reason: 'Cancelled', message: 'somebody else has attached' },
    });
    this.#stream = stream;
    const [output, error] = this.#channels;
    const body: Started = {
      uid: 0,
      gid: 0,
      home: '/root',
      pid: this.child.pid ?? 0,
      input: this.#input,
      output: output.attach(from.output),
      error: error.attach(from.error),
    };
    stream.send({ type: 'started', stream: stream.id, body });
    this.#flush();
  }

  detach(stream: PeerStream): void {
    if (this.#stream === stream) this.#stream = undefined;
  }

  receive(frame: Frame): void {
    if (frame.type === 'data') this.#feed(frame.bytes);
    else if (frame.type === 'eof') this.child.stdin?.end();
    else if (frame.type === 'signal') this.kill(frame.signal);
    else if (frame.type === 'credit')
      for (const channel of this.#channels)
        if (channel.number === frame.channel) channel.granted = Math.max(channel.granted, frame.upTo);
    this.#flush();
  }

  kill(signal: number): void {
    try {
      process.kill(-(this.child.pid ?? 0), signal);
    } catch {
      // It has ended.
    }
  }

  /** As after a restart of the courier: no more is kept than sbd does. */
  forget(kept = WINDOW): void {
    for (const channel of this.#channels) {
      const dropped = Math.max(0, channel.data.length - kept);
      channel.data = channel.data.subarray(dropped);
      channel.base += dropped;
    }
  }

  #expire(): void {
    this.#timedOut = true;
    this.kill(constants.signals.SIGKILL);
  }

  #collect(channel: PeerChannel): void {
    const source = channel.number === CHANNEL.output ? this.child.stdout : this.child.stderr;
    source?.on('data', (chunk: Buffer) => {
      channel.data = Buffer.concat([channel.data, chunk]);
      if (channel.total - channel.granted > WINDOW) source.pause();
      this.#flush();
    });
    source?.once('end', () => {
      channel.isOver = true;
      this.#flush();
    });
  }

  #feed(bytes: Uint8Array): void {
    this.child.stdin?.write(bytes, () => {
      this.#input += bytes.length;
      const stream = this.#stream;
      stream?.send({
        type: 'credit',
        stream: stream.id,
        channel: CHANNEL.input,
        upTo: this.#input + STDIN_WINDOW,
      });
    });
  }

  #flush(): void {
    const stream = this.#stream;
    if (!stream) return;
    for (const channel of this.#channels) this.#flow(channel, stream);
    const [output, error] = this.#channels;
    if (!this.#exit || !output.isTold || !error.isTold) return;
    const body = {
      ...this.#exit,
      timedOut: this.#timedOut,
      oomKills: 0,
      output: output.total,
      error: error.total,
    };
    this.#stream = undefined;
    stream.send({ type: 'exit', stream: stream.id, body });
  }

  #flow(channel: PeerChannel, stream: PeerStream): void {
    while (channel.sent < Math.min(channel.total, channel.granted)) {
      const at = channel.sent - channel.base;
      const bytes = channel.data.subarray(at, Math.min(at + DATA_MAX, channel.granted - channel.base));
      stream.send({ type: 'data', stream: stream.id, channel: channel.number, offset: channel.sent, bytes });
      channel.sent += bytes.length;
    }
    if (channel.total - channel.granted <= WINDOW)
      (channel.number === CHANNEL.output ? this.child.stdout : this.child.stderr)?.resume();
    if (!channel.isOver || channel.sent < channel.total || channel.isTold) return;
    channel.isTold = true;
    stream.send({ type: 'eof', stream: stream.id, channel: channel.number, total: channel.total });
  }
}
