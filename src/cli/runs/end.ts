import { trialsPrefix } from '../../results/keys.ts';
/** What is asked first: cancelling runs and Trials, and deleting runs. */
import { cancelOpen, isOpen, deleteObjects } from '../../client/runs/end.ts';
import { safe, safeLine } from '../../text/safe.ts';
import type { RunCancelled, RunDeleted } from '../../client/documents/run.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { inNamespace, namespaceToSay } from '../../client/session/namespace.ts';
import { counted } from '../../text/figures.ts';
import { resolveRun, trialsOf } from '../../client/runs/find/runs.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import { isEnded, stateOf } from '../../results/state.ts';
import type { TrialCancelled } from '../../client/documents/trial.ts';
import { resolveTrial } from '../../client/runs/find/trial.ts';
import { CliError } from '../../client/failures/error.ts';

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

const NOTHING = { trials: 0, builds: 0, secret: false };

/** `sb run delete`: the run's objects go, its files in the store stay. */
export async function deleteRun(
  session: Session,
  wanted: string,
  { io, yes }: { io: Io; yes: boolean },
): Promise<RunDeleted> {
  const run = await resolveRun(session, wanted);
  const trials = await trialsOf(session, run);
  const open = trials.filter(isOpen).length;
  const files = await session.client().then(({ bucket }) => `s3://${bucket}/${trialsPrefix(run)}`);
  const running = open > 0 ? ` (${open} have not ended, and end without a result)` : '';
  const told = (deleted: typeof NOTHING): RunDeleted => ({
    run,
    namespace: session.namespace,
    ...deleted,
    files,
  });
  const question = `delete ${counted(trials.length, 'Trial')} of run ${run}${running}?`;
  if (
    !(await agreed(io, {
      yes,
      question,
      again: inNamespace(`sb run delete ${run} --yes`, namespaceToSay(session)),
    }))
  )
    return told(NOTHING);
  const deleted = await deleteObjects(session, run);
  const { trials: count, builds, secret } = deleted;
  const more = [...(builds > 0 ? [counted(builds, 'TaskBuild')] : []), ...(secret ? ['the Secret'] : [])];
  const what = [counted(count, 'Trial'), ...more].join(', ');
  io.terminal.err(safe(`run ${run}: ${what} deleted; the files stay at ${files}\n`));
  return told(deleted);
}

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

/** Whether somebody says yes, beforehand or now. Throws SB-E094 where there is nobody to ask; `again` is the command that needs no answer. */
export async function agreed(
  { terminal, confirm }: Pick<Io, 'terminal' | 'confirm'>,
  { yes, question, again }: { yes: boolean; question: string; again: string },
): Promise<boolean> {
  if (yes) return true;
  if (!terminal.input)
    throw new CliError('SB-E094', {
      what: `not done: ${question}`,
      why: 'this is asked first, and there is no terminal to ask on',
      fix: again,
    });
  if (await confirm(safeLine(question))) return true;
  terminal.err('nothing was changed\n');
  return false;
}
