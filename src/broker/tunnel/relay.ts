/** The two ends of a tunnel joined: each one's bytes, end and failure become the other's. No more is held than the sockets' own buffers. */
import type { Socket } from 'node:net';
import { hasPassed } from '../passed.ts';
import type { Judgement } from './first-bytes.ts';

export interface RelayTimes {
  /** Until either end has sent something. */
  firstByteMs: number;
  /** From the client's first byte until it can be judged. */
  judgeMs: number;
  /** Without a byte in either direction. */
  idleMs: number;
}

export type TurnedAway = Judgement & { kind: 'refused' };

export interface RelayOptions {
  times: RelayTimes;
  /** Asked of all that the client has sent so far, until it says something else than `more`; missing: everything passes. */
  judge?: ((bytes: Buffer, ended: boolean) => Judgement) | undefined;
  /** Ends the client's connection. The other one is gone. */
  turnAway: (judgement: TurnedAway) => void;
}

export interface Ends {
  client: Socket;
  /** The TCP connection beneath the client's TLS. */
  beneath: Socket | undefined;
  upstream: Socket;
}

/** Whether both directions of a socket came to their end by themselves. */
const isOver = ({ readableEnded, writableFinished, errored }: Socket): boolean =>
  readableEnded && writableFinished && !errored;

const reset = (socket: Socket): void => void (socket.destroyed || socket.resetAndDestroy());

/** Breaks both connections off, in a way that neither side takes for its end: nobody may take half an answer for a whole one. */
export function sever({ client, beneath, upstream }: Ends): void {
  // Without a reset TLS in Node calls it an end.
  if (beneath && !client.destroyed) reset(beneath);
  client.destroy();
  reset(upstream);
}

/** One that broke takes the other with it. One that is over leaves the other time for what it still has to write. */
function join(ends: Ends, { firstByteMs, idleMs }: RelayTimes): void {
  const { client, upstream } = ends;
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const)
    one.once('close', () => {
      if (isOver(one)) other.setTimeout(idleMs, () => sever(ends));
      else sever(ends);
    });
  // Every byte of the tunnel passes through this one.
  upstream.setTimeout(firstByteMs, () => sever(ends));
  const live = (): unknown => upstream.setTimeout(idleMs);
  client.once('data', live);
  upstream.once('data', live);
}

const LATE: TurnedAway = { kind: 'refused', why: 'the first bytes name no host in time', http: false };

/** Resolves what came of judging the client's first bytes, and these; `undefined` where it ended without any, or broke. */
function firstBytes(
  client: Socket,
  judge: NonNullable<RelayOptions['judge']>,
  judgeMs: number,
): Promise<{ judgement: Judgement; bytes: Buffer } | undefined> {
  const { promise, resolve } = Promise.withResolvers<{ judgement: Judgement; bytes: Buffer } | undefined>();
  let bytes = Buffer.alloc(0);
  let timer: NodeJS.Timeout | undefined;
  const decide = (judgement: Judgement): void => {
    if (judgement.kind === 'more') return;
    // Nothing may come between this and what is done about it.
    stop();
    resolve({ judgement, bytes });
  };
  const onData = (part: Buffer): void => {
    timer ??= setTimeout(() => decide(LATE), judgeMs);
    bytes = Buffer.concat([bytes, part]);
    decide(judge(bytes, false));
  };
  const onEnd = (): void => (bytes.length > 0 ? decide(judge(bytes, true)) : onClose());
  const onClose = (): void => {
    stop();
    resolve(undefined);
  };
  const stop = (): void => {
    clearTimeout(timer);
    client.off('data', onData).off('end', onEnd).off('close', onClose).pause();
  };
  client.on('data', onData).once('end', onEnd).once('close', onClose);
  return promise;
}

function flow(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('data', ({ length }: Buffer) => hasPassed(length));
}

/** Lets the client's bytes through once its first ones are judged; what was kept until then goes first. */
async function guard({ client, upstream }: Ends, { judge, times, turnAway }: RelayOptions): Promise<void> {
  if (!judge) return flow(client, upstream);
  const first = await firstBytes(client, judge, times.judgeMs);
  if (first?.judgement.kind === 'refused') {
    upstream.removeAllListeners('close').unpipe(client).destroy();
    return turnAway(first.judgement);
  }
  if (first) upstream.write(first.bytes);
  return flow(client, upstream);
}

/** Joins them until both are closed; resolves then. */
export async function relay(ends: Ends, options: RelayOptions): Promise<void> {
  const { client, upstream } = ends;
  const closed = [client, upstream].map((end) => new Promise((resolve) => end.once('close', resolve)));
  join(ends, options.times);
  const guarded = guard(ends, options);
  flow(upstream, client);
  await Promise.all([guarded, ...closed]);
}
