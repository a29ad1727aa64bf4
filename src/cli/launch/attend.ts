/** Watching a run until it is over, the patience is, or somebody presses Ctrl-C. The run itself goes on in any case. */
import { join } from 'node:path';
import { followRun } from '../../client/runs/follow/follow.ts';
import type { TrialLine } from '../../client/runs/follow/line.ts';
import { isEnded } from '../../results/state.ts';
import type { RunSummary } from '../../client/runs/follow/summary.ts';
import { RunView } from '../../client/runs/follow/view.ts';
import type { MirrorReport } from '../../client/runs/mirror/mirror.ts';
import { collectResults } from '../../client/runs/mirror/results.ts';
import { progress, progressMode, type Progress } from '../render/progress/progress.ts';
import type { Submitted } from '../../client/runs/submit/submit.ts';
import { podLogOf } from '../../client/logs/pod-log.ts';
import type { Io, OutputFormat } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { AgentOutput } from './agent-output.ts';
import { cancelOpen } from '../../client/runs/end.ts';
import type { Clock } from '../../async/clock.ts';

interface AttendOptions {
  session: Session;
  io: Io;
  run: string;
  /** Trials that the run will have, where that is known. */
  expected?: number;
  /** Absolute. */
  jobsDir: string;
  output: OutputFormat;
  quiet: boolean;
  /** Prints what the agents print. */
  followAgents: boolean;
  waitMs?: number;
  /** Called before what is left to do is done, where the watching ends before the run does. */
  onLeave: (left: Pick<Attended, 'cancelled' | 'submitted'>) => void;
  /** Creates what the run lacks while it is watched already; `note` tells the user something. */
  submit?: (note: (text: string) => void) => Promise<Submitted>;
}

/** Why the watching ended. */
export type Ending = 'over' | 'timeout' | 'interrupted';

export interface Attended {
  ending: Ending;
  summary: RunSummary;
  trials: TrialLine[];
  /** Where the results are. */
  folder: string;
  report: MirrorReport;
  /** Missing where nothing was to be submitted, or not all of it was. */
  submitted?: Submitted;
  /** Trials that a second Ctrl-C cancelled. */
  cancelled: number;
}

/** Shows a run and copies its results. Rejects with what keeps it from being submitted or followed. */
export async function attend(options: AttendOptions): Promise<Attended> {
  const { session, io, run, jobsDir, expected } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const { kubeParts, namespace, now } = session;
  // Before anything is shown: a store that refuses leaves nothing to be shown.
  const store = await session.store();
  const view = new RunView({ run, ...(expected !== undefined && { expected }) });
  const shown = progress({ terminal: io.terminal, view, mode: modeOf(options), now, clock: kubeParts.clock });
  const note = (text: string): void => shown.note(text);
  try {
    const problem = ({ error }: MirrorReport['problems'][number]): void =>
      note(`${error.what}: ${error.why}`);
    const results = collectResults({ store, run, namespace, jobsDir, view, now, signal, onProblem: problem });
    const agents = options.followAgents
      ? new AgentOutput({ podLog: podLogOf(session), note, signal })
      : undefined;
    const following = followRun({
      kube: kubeParts,
      namespace,
      run,
      view,
      preview: !options.submit && modeOf(options) === 'live',
      signal,
      onNews: (news) => {
        results.add(news.trial);
        // What had ended before anybody looked is for `sb trial logs`.
        if (news.before || !isEnded(news.line.state)) agents?.take(news.trial);
        shown.news(news);
      },
      onConnection: ({ connected, reason }) =>
        note(connected ? 'the API server answers again' : `the API server does not answer: ${reason}`),
    });
    const submitting = submission(options, { view, note });
    let submitted: Submitted | undefined;
    const over = submitting.then((done) => {
      submitted = done;
      return following.whenOver();
    });
    const { ending, cancelled } = await firstEnding(over, { options, shown });
    if (ending === 'over') await agents?.settle();
    else leave({ cancelled, ...(submitted && { submitted }) }, { options, shown, stop });
    const report = await results.finish();
    shown.finish();
    return {
      ending,
      summary: view.summary(now()),
      trials: [...view.trials()],
      folder: join(jobsDir, run),
      report,
      cancelled,
      ...(submitted && { submitted }),
    };
  } catch (error) {
    if (view.size > 0) shown.finish();
    else shown.drop();
    throw error;
  } finally {
    stop.abort();
  }
}

function leave(
  left: Parameters<AttendOptions['onLeave']>[0],
  { options, shown, stop }: { options: AttendOptions; shown: Progress; stop: AbortController },
): void {
  stop.abort(new Error('nobody watches any more'));
  shown.finish();
  options.onLeave(left);
}

const modeOf = ({ io, output, quiet }: AttendOptions) =>
  progressMode(io.terminal, { env: io.env, output, quiet });

/** What is refused never becomes a Trial, so nobody waits for it. */
async function submission(
  { submit, expected = 0 }: AttendOptions,
  { view, note }: { view: RunView; note: (text: string) => void },
): Promise<Submitted | undefined> {
  const submitted = await submit?.(note);
  if (submitted) view.expect(expected - submitted.refused.length);
  return submitted;
}

async function firstEnding(
  over: Promise<void>,
  { options, shown }: { options: AttendOptions; shown: Progress },
): Promise<Pick<Attended, 'ending' | 'cancelled'>> {
  const { io, session, run, waitMs } = options;
  const note = (text: string): void => shown.note(text);
  const { clock } = session.kubeParts;
  const interrupted = interruption(io, { clock, note });
  const timeout = Promise.withResolvers<Ending>();
  const cancelTimeout =
    waitMs === undefined ? () => {} : clock.after(waitMs, () => timeout.resolve('timeout'));
  // Once it is interrupted, the submission's own end says nothing new.
  const ended = over.then(
    (): Ending => 'over',
    (error: unknown) => {
      if (io.signal.aborted) return new Promise<Ending>(() => {});
      throw error;
    },
  );
  try {
    const ending = await Promise.race([
      ended,
      timeout.promise,
      interrupted.ending.then((): Ending => 'interrupted'),
    ]);
    const asks = ending === 'interrupted' && interrupted.twice;
    // The last frame stays as it is above the question.
    if (asks) shown.finish();
    const cancels = asks && (await io.confirm(`cancel run ${run}?`));
    return { ending, cancelled: cancels ? await cancelOpen(session, run) : 0 };
  } finally {
    cancelTimeout();
    interrupted.ignore();
  }
}

/** How long after the first Ctrl-C a second one means more. */
const SECOND_MS = 2000;

interface Interruption {
  /** Resolves two seconds after a Ctrl-C, or at once at a second one. Never, where nobody presses it. */
  ending: Promise<void>;
  /** There was a second one. */
  readonly twice: boolean;
  /** Listens no more. */
  ignore(): void;
}

/** Ctrl-C leaves a run going; a second one within two seconds is for whoever wants to cancel it. How to return to it are the last words of whoever attended. */
function interruption(
  { onInterrupt, terminal }: Pick<Io, 'onInterrupt' | 'terminal'>,
  { clock, note }: { clock: Clock; note: (text: string) => void },
): Interruption {
  const { promise: ending, resolve } = Promise.withResolvers<void>();
  let times = 0;
  let cancelTimer = (): void => {};
  const unsubscribe = onInterrupt(() => {
    times += 1;
    if (times > 1) return resolve();
    if (!terminal.input) return resolve();
    note('\nthe run continues; press Ctrl-C again within 2 s if you want to cancel it');
    cancelTimer = clock.after(SECOND_MS, resolve);
  });
  return {
    ending,
    get twice() {
      return times > 1;
    },
    ignore() {
      cancelTimer();
      unsubscribe();
    },
  };
}
