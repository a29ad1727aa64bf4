/** How a run is shown while it goes on: live on a terminal, in lines elsewhere, as events for programs. */
import type { Clock } from '../../../async/clock.ts';
import type { TrialNews } from '../../../client/runs/follow/follow.ts';
import type { TrialLine } from '../../../client/runs/follow/line.ts';
import type { RunView } from '../../../client/runs/follow/view.ts';
import type { OutputFormat, Terminal } from '../../types.ts';
import type { NoteEvent, SummaryEvent, TrialEvent } from '../../../client/documents/run.ts';
import { lineDocument, summaryDocument } from '../../../client/runs/documents.ts';
import { frameLines, reasonOf, remaining } from './frame.ts';
import { live } from './live.ts';
import { safe, safeJson, safeLine } from '../../../text/safe.ts';
import { style } from '../style.ts';
import { isEnded } from '../../../results/state.ts';
import { STATE_NAMES } from '../../../results/state-names.ts';
import type { RunSummary } from '../../../client/runs/follow/summary.ts';
import { duration, figure } from '../../../text/figures.ts';
import { contenderLines } from '../contenders.ts';

type ProgressMode = 'live' | 'plain' | 'jsonl' | 'quiet';

interface ProgressOptions {
  terminal: Terminal;
  view: RunView;
  mode: ProgressMode;
  now: () => Date;
  clock: Clock;
}

export interface Progress {
  news(news: Pick<TrialNews, 'line' | 'before'>): void;
  /** Something to know that is no Trial's; made safe here. */
  note(text: string): void;
  /** The last words; nothing is shown afterwards. */
  finish(): void;
  /** Ends without a word, for a run that came to nothing. */
  drop(): void;
}

/** Live only where somebody looks: not in CI, not on a pipe, not on a terminal that cannot move its cursor. */
export function progressMode(
  terminal: Pick<Terminal, 'isTTY'>,
  { env, output, quiet }: { env: Record<string, string | undefined>; output: OutputFormat; quiet: boolean },
): ProgressMode {
  if (output === 'jsonl') return 'jsonl';
  if (quiet) return 'quiet';
  const inCi = env['CI'] !== undefined && env['CI'] !== '' && env['CI'] !== 'false';
  return terminal.isTTY && !inCi && env['TERM'] !== 'dumb' ? 'live' : 'plain';
}

export function progress(options: ProgressOptions): Progress {
  switch (options.mode) {
    case 'live':
      return liveProgress(options);
    case 'plain':
      return plainProgress(options);
    case 'jsonl':
      return eventProgress(options);
    case 'quiet':
      return {
        news: () => {},
        note: (text) => options.terminal.err(`${safe(text)}\n`),
        finish: () => {},
        drop: () => {},
      };
    default:
      return options.mode satisfies never;
  }
}

function liveProgress({ terminal, view, now, clock }: ProgressOptions): Progress {
  const styles = style(terminal);
  const lines = (): string[] =>
    frameLines({
      summary: view.summary(now()),
      trials: view.trials(),
      now: now(),
      columns: terminal.columns(),
      rows: terminal.rows(),
      style: styles,
    });
  const shown = live({ terminal, clock, lines });
  return {
    news: () => shown.changed(),
    note: (text) => shown.print(safe(text)),
    finish: () => shown.stop(),
    drop: () => shown.remove(),
  };
}

const HEARTBEAT_MS = 30_000;

/** A message alone is no news: the cluster's have counters in them. */
const isNews = (line: TrialLine, before: TrialLine | undefined): boolean =>
  before?.state !== line.state || before.reason !== line.reason;

function plainProgress({ terminal, view, now, clock }: ProgressOptions): Progress {
  const print = (text: string): void => {
    terminal.err(`${text}\n`);
    silence();
    silence = clock.after(HEARTBEAT_MS, () => print(heartbeat(view.summary(now()))));
  };
  let silence = clock.after(HEARTBEAT_MS, () => print(heartbeat(view.summary(now()))));
  return {
    news: ({ line, before }) => {
      if (isNews(line, before)) print(changeLine(line, view));
    },
    note: (text) => print(safe(text)),
    finish: () => {
      terminal.err(
        closingLines(view.summary(now()))
          .map((line) => `${line}\n`)
          .join(''),
      );
      silence();
    },
    drop: () => silence(),
  };
}

/** A Trial that changed, as `-o jsonl` prints it. */
const trialEvent = (
  head: Pick<TrialEvent, 'time' | 'run'>,
  line: TrialLine,
  before: TrialLine | undefined,
): TrialEvent => ({ event: 'trial', ...head, before: before?.state ?? null, ...lineDocument(line) });

/** The last event of a run. */
const summaryEvent = (time: string, summary: RunSummary): SummaryEvent => ({
  event: 'summary',
  time,
  run: summary.run,
  ...summaryDocument(summary),
  errors: summary.errors,
});

function eventProgress({ terminal, view, now }: ProgressOptions): Progress {
  const print = (event: object): void => terminal.out(`${safeJson(event)}\n`);
  const head = () => ({ time: now().toISOString(), run: view.run });
  return {
    news: ({ line, before }) => {
      if (isNews(line, before)) print(trialEvent(head(), line, before));
    },
    note: (text) => print({ event: 'note', ...head(), message: text } satisfies NoteEvent),
    finish: () => print(summaryEvent(now().toISOString(), view.summary(now()))),
    drop: () => {},
  };
}

/** A line for a change of state: `3/12 hello-oracle-1a2b3c4d passed in 12s: reward 1`. */
function changeLine(line: TrialLine, { ended, total }: { ended: number; total: number }): string {
  const took = isEnded(line.state) ? ` in ${duration(line.since - line.createdAt)}` : '';
  const reason = reasonOf(line);
  const why = reason === '' ? '' : `: ${reason}`;
  return safeLine(`${ended}/${total} ${line.name} ${line.state}${took}${why}`);
}

/** What is said where nothing happens for a while. */
function heartbeat(summary: RunSummary): string {
  const { ended, total, mean, elapsedMs, remainingMs } = summary;
  return safeLine(
    [
      `${ended}/${total} ended after ${duration(elapsedMs)}`,
      countsOf(summary),
      ...(mean === undefined ? [] : [`mean reward ${figure(mean)}`]),
      ...(remainingMs ? [remaining(remainingMs)] : []),
    ].join(', '),
  );
}

const countsOf = ({ counts }: RunSummary): string =>
  STATE_NAMES.filter((state) => counts[state] > 0)
    .map((state) => `${counts[state]} ${state}`)
    .join(', ');

/** The last words on a run, for people: counts, rewards, errors by class. */
function closingLines(summary: RunSummary): string[] {
  const { run, ended, total, elapsedMs, mean, rewarded, errors } = summary;
  const head = [
    `run ${run}: ${ended}/${total} ended in ${duration(elapsedMs)}: ${countsOf(summary)}`,
    ...(mean === undefined ? [] : [`mean reward ${figure(mean)} (${rewarded} of ${ended} rewarded)`]),
  ];
  const troubles = errors.map(({ count, reason, message, trials }) => {
    const names = `${trials.join(', ')}${count > trials.length ? ', …' : ''}`;
    return `${count} × ${reason}: ${message} (${names})`;
  });
  return [...head.map(safeLine), ...contenderLines(summary), ...troubles.map(safeLine)];
}
