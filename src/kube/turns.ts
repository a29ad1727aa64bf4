import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one task may keep the event loop before other work gets its turn. */
const SLICE_MS = 8;

/** A function to await between small pieces of work: now and then it lets timers, sockets and probes run. */
export function createTurns(): () => Promise<void> | undefined {
  let began = performance.now();
  return () => {
    if (performance.now() - began < SLICE_MS) return undefined;
    return nextTurn().then(() => {
      began = performance.now();
    });
  };
}
