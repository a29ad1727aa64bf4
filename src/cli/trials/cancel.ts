import { Trial as TrialKind } from '../../crds/kinds.ts';
import { isEnded, stateOf } from '../../results/state.ts';
import { safe } from '../../text/safe.ts';
import { agreed } from '../agree.ts';
import type { TrialCancelled } from '../../client/documents/trial.ts';
import { inNamespace, namespaceToSay } from '../../client/session/namespace.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { resolveTrial } from '../../client/runs/find/trial.ts';

/** `sb trial cancel`: ends a Trial; what its Pod has done so far is stored. */
export async function cancelTrial(
  session: Session,
  wanted: string,
  { io, yes }: { io: Io; yes: boolean },
): Promise<TrialCancelled> {
  const trial = await resolveTrial(session, wanted);
  const { name } = trial.metadata;
  const { state } = stateOf(trial);
  const { kube, namespace } = session;
  const told = (cancelled: boolean): TrialCancelled => ({ trial: name, namespace, state, cancelled });
  const say = (text: string): void => io.terminal.err(`${safe(text)}\n`);
  if (isEnded(state)) {
    say(`Trial ${name} has ended already: ${state}`);
    return told(false);
  }
  if (
    !(await agreed(io, {
      yes,
      question: `cancel Trial ${name}?`,
      again: inNamespace(`sb trial cancel ${name} --yes`, namespaceToSay(session)),
    }))
  )
    return told(false);
  await kube.patch(TrialKind, { namespace, name }, { spec: { cancel: true } });
  say(`Trial ${name} is being cancelled; its Pod stores what there is, up to 45 s`);
  return told(true);
}
