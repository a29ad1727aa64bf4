/**
 * Buffers of what goes through the broker die young, and what they hold counts for V8: where they lie there until its young generation is full, it goes
 * through all that is old for them, again and again. So it is asked to look for the dead ones in time, which costs a fraction (decision 0108).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const EVERY_BYTES = 8 * 2 ** 20;

// V8 has no other way to ask for the young generation alone. As it was afterwards: what V8 compiles under one set of flags it refuses under another.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as NodeJS.GCFunction;
setFlagsFromString('--no-expose-gc');

let sinceBytes = 0;

/** So many bytes have gone through this process, in buffers that are done with soon. */
export function hasPassed(bytes: number): void {
  sinceBytes += bytes;
  if (sinceBytes < EVERY_BYTES) return;
  sinceBytes = 0;
  collect({ type: 'minor' });
}
