/** A container with sbd, and the courier's part that serves programs, without broker and TLS: connections are pairs of streams. */
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../src/async/clock.ts';
import type { Clock } from '../../src/async/clock.ts';
import type { Sbd } from '../../src/courier/hand/sbd/client.ts';
import { Commands } from '../../src/courier/sandbox/commands.ts';
import { serve } from '../../src/courier/sandbox/connection.ts';
import type { ConnectionTimes } from '../../src/courier/sandbox/connection.ts';
import { Sessions } from '../../src/courier/sandbox/sessions.ts';
import { SandboxProgram } from './sandbox-program.ts';
import type { ProgramOptions } from './sandbox-program.ts';

export interface Served {
  commands: Commands;
  sessions: Sessions;
  /** A connection of a caller's. */
  dial: (caller?: string) => Duplex;
  program: (options?: Partial<ProgramOptions> & { caller?: string }) => Promise<SandboxProgram>;
}

export interface ServeOptions {
  hand: Pick<Sbd, 'relay' | 'ready' | 'commands'>;
  clock?: Clock;
  times?: ConnectionTimes;
  user?: string;
  onBytes?: () => void;
}

export function serveSandbox({
  hand,
  clock = systemClock,
  times,
  user = '0',
  onBytes = () => {},
}: ServeOptions): Served {
  const commands = new Commands({ hand, clock, onEnd: () => {} });
  const defaults = () => ({ user, workdir: '/', env: { OF: 'sandbox' } });
  const sessions = new Sessions({ hand, clock, commands, defaults, onBytes });
  const dial = (caller = 'somebody'): Duplex => {
    const [ours, theirs] = duplexPair();
    serve(theirs, sessions, times);
    // An end that is destroyed ends the other, as with sockets.
    ours.once('close', () => theirs.destroy());
    theirs.once('close', () => ours.destroy());
    ours.write(`${JSON.stringify({ caller })}\n`);
    return ours;
  };
  return {
    commands,
    sessions,
    dial,
    program: ({ caller, ...options } = {}) =>
      new SandboxProgram({ dial: () => dial(caller), ...options }).connect(),
  };
}
