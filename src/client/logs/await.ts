import type { Trial } from '../../crds/trial.ts';
import { sleep } from '../../async/clock.ts';
import { stateOf } from '../../results/state.ts';
import type { Session } from '../session/types.ts';
import { resolveTrial } from '../runs/find/trial.ts';
import { mayHaveLog, type LogWish } from './parts.ts';

const PAUSE_MS = 1000;

/** The Trial once there may be something of its log. Says why it waits, each reason once. Throws SB-E090 where the Trial goes away. */
export async function whenLogged(
  session: Session,
  trial: Trial,
  { wish, say }: { wish: LogWish; say: (text: string) => void },
): Promise<Trial> {
  let seen = trial;
  let told = '';
  while (!mayHaveLog(seen, wish)) {
    const { reason, message } = stateOf(seen);
    if (reason !== told) say(`waiting: ${reason}: ${message}`);
    told = reason;
    await sleep(session.kubeParts.clock, PAUSE_MS, wish.signal);
    wish.signal.throwIfAborted();
    seen = await resolveTrial(session, seen.metadata.name);
  }
  return seen;
}
