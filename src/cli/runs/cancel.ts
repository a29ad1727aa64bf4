import type { Trial } from '../../crds/trial.ts';
import { isEnded, stateOf } from '../../results/state.ts';
import { cancelOpen } from '../launch/cancel.ts';
import { safe } from '../../text/safe.ts';
import type { RunCancelled } from '../../client/documents/run.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { agreed } from '../agree.ts';
import { inNamespace, namespaceToSay } from '../../client/session/namespace.ts';
import { counted } from '../../text/figures.ts';
import { resolveRun, trialsOf } from '../../client/runs/find/runs.ts';

export const isOpen = (trial: Trial): boolean => !isEnded(stateOf(trial).state);

/** `sb run cancel`: ends what has not ended; what has keeps its result. */
export async function cancelRun(
  session: Session,
  wanted: string,
  { io, yes }: { io: Io; yes: boolean },
): Promise<RunCancelled> {
  const run = await resolveRun(session, wanted);
  const done = (cancelled: number): RunCancelled => ({ run, namespace: session.namespace, cancelled });
  const open = (await trialsOf(session, run)).filter((trial) => isOpen(trial) && !trial.spec.cancel).length;
  const say = (text: string): void => io.terminal.err(`${safe(text)}\n`);
  if (open === 0) {
    say(`run ${run}: no Trial is left to be cancelled`);
    return done(0);
  }
  const question = `cancel ${counted(open, 'Trial')} of run ${run}?`;
  const again = inNamespace(`sb run cancel ${run} --yes`, namespaceToSay(session));
  if (!(await agreed(io, { yes, question, again }))) return done(0);
  const cancelled = await cancelOpen(session, run);
  say(`run ${run}: ${counted(cancelled, 'Trial')} ${cancelled === 1 ? 'is' : 'are'} being cancelled`);
  return done(cancelled);
}
