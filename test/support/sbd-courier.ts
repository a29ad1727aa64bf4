/** A container with sbd and the courier's end of it, for a suite. */
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Sbd } from '../../src/courier/hand/sbd/client.ts';
import type { Running, Start } from '../../src/courier/hand/sbd/client.ts';
import type { Exit } from '../../src/wire/hand/protocol.ts';
import { needSbd, startSbdContainer } from './sbd-container.ts';
import type { SbdContainer, SbdContainerOptions } from './sbd-container.ts';

export interface SbdWorld {
  pod: SbdContainer;
  hand: Sbd;
  strangers: string[];
  text: (stream: Readable) => Promise<string>;
  /** Runs a command to its end. */
  said: (start: Omit<Start, 'id'>) => Promise<{ exit: Exit; stdout: string; stderr: string }>;
  /** Runs it to its end and returns the rest of it. */
  start: (start: Omit<Start, 'id'>) => Promise<Running>;
}

let serial = 0;

/** One container for all tests of the suite, or one for each. */
export function useSbd({
  each = false,
  ...options
}: { each?: boolean } & SbdContainerOptions = {}): () => SbdWorld {
  let world: SbdWorld | undefined;
  const begin = async function (this: Mocha.Context): Promise<void> {
    needSbd(this);
    const pod = await startSbdContainer(options);
    const strangers: string[] = [];
    const hand = openSbd(pod, strangers);
    await hand.ready();
    world = { pod, hand, strangers, text, ...runners(hand) };
  };
  const end = async (): Promise<void> => {
    world?.hand.close();
    await world?.pod.remove();
    world = undefined;
  };
  if (each) {
    beforeEach(begin);
    afterEach(end);
  } else {
    before(begin);
    after(end);
  }
  return () => {
    if (!world) throw new Error('there is no container');
    return world;
  };
}

/** The courier's end: again after the one before it was closed. */
export const openSbd = (pod: SbdContainer, strangers: string[] = []): Sbd =>
  new Sbd({
    control: pod.control,
    own: pod.own,
    courierUid: 65_000,
    mode: 0o666,
    onStranger: (what) => void strangers.push(what),
    goneAfterMs: 1000,
  });

export function runners(hand: Sbd): Pick<SbdWorld, 'said' | 'start'> {
  const named = (start: Omit<Start, 'id'>): Start => ({ id: `c${(serial += 1)}`, ...start });
  return {
    start: (start) => hand.run(named(start)),
    async said(start) {
      const running = await hand.run(named(start));
      const [exit, stdout, stderr] = await Promise.all([
        running.exited,
        text(running.stdout),
        text(running.stderr),
      ]);
      running.close();
      return { exit, stdout, stderr };
    },
  };
}
