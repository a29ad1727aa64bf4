/** Pure: a run in lines for pipes and logs. No control codes, no redrawing. */
import type { TrialLine } from '../../../client/runs/follow/line.ts';
import { isEnded } from '../../../results/state.ts';
import { STATE_NAMES } from '../../../results/state-names.ts';
import type { RunSummary } from '../../../client/runs/follow/summary.ts';
import { reasonOf } from './frame.ts';
import { safeLine } from '../../../text/safe.ts';
import { duration, figure } from '../../../text/figures.ts';
import { remaining } from './remaining.ts';

/** A line for a change of state: `3/12 hello-oracle-1a2b3c4d passed in 12s: reward 1`. */
export function changeLine(line: TrialLine, { ended, total }: { ended: number; total: number }): string {
  const took = isEnded(line.state) ? ` in ${duration(line.since - line.createdAt)}` : '';
  const reason = reasonOf(line);
  const why = reason === '' ? '' : `: ${reason}`;
  return safeLine(`${ended}/${total} ${line.name} ${line.state}${took}${why}`);
}

/** What is said where nothing happens for a while. */
export function heartbeat(summary: RunSummary): string {
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
export function closingLines(summary: RunSummary): string[] {
  const { run, ended, total, elapsedMs, mean, rewarded, passAtK, errors } = summary;
  const evals = Object.entries(passAtK).map(
    ([key, values]) =>
      `${key}: ${Object.entries(values)
        .map(([k, value]) => `pass@${k} ${figure(value)}`)
        .join(', ')}`,
  );
  return [
    `run ${run}: ${ended}/${total} ended in ${duration(elapsedMs)}: ${countsOf(summary)}`,
    ...(mean === undefined ? [] : [`mean reward ${figure(mean)} (${rewarded} of ${ended} rewarded)`]),
    ...evals,
    ...errors.map(({ count, reason, message, trials }) => {
      const names = `${trials.join(', ')}${count > trials.length ? ', …' : ''}`;
      return `${count} × ${reason}: ${message} (${names})`;
    }),
  ].map(safeLine);
}
