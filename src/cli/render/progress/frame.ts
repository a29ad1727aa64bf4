/** Pure: a run → the lines of the live view, at most as many and as wide as the terminal takes. */
import stringWidth from 'string-width';
import { keepBest, type RunSummary } from '../../../client/runs/follow/summary.ts';
import type { TrialLine } from '../../../client/runs/follow/line.ts';
import { isEnded } from '../../../results/state.ts';
import { STATE_NAMES, type TrialState } from '../../../results/state-names.ts';
import { safeLine, safe } from '../../../text/safe.ts';
import type { Style } from '../style.ts';
import { cut } from '../output.ts';
import { byText, duration, figure } from '../../../text/figures.ts';

interface Frame {
  summary: RunSummary;
  trials: Iterable<TrialLine>;
  now: Date;
  columns: number;
  rows: number;
  style: Style;
}

/** Of a table that is still read: a run of no more Trials has one of its own after its end, so the last frame does without. */
export const TABLE_ROWS = 100;
/** Cells of a name that still tells something. */
const SHORT_NAME = 16;
/** In fewer columns the table is without times, so that its reasons have room. */
const ROOM_FOR_TIMES = 64;

const COLOURS: Partial<Record<TrialState, keyof Style>> = {
  passed: 'good',
  failed: 'warn',
  lost: 'bad',
  retrying: 'warn',
  cancelled: 'faint',
};

const stateWord = (state: TrialState, text: string = state): Piece => {
  const colour = COLOURS[state];
  return colour === undefined ? text : [text, colour];
};

/** The frame's lines. The last row and the last column stay free, so that nothing wraps or scrolls. */
export function frameLines({ summary, trials, now, columns, rows, style }: Frame): string[] {
  const room = Math.max(1, rows - 1);
  const around = [headline(summary, columns), ...figures(summary, columns)];
  const states = stateLines(summary);
  const fits = around.length + states.length + 4 <= room;
  const head = [...around.slice(0, 1), ...(fits ? states : [stateLine(summary)]), ...around.slice(1)];
  const errors = errorLines(summary).slice(0, Math.max(0, Math.min(3, room - head.length - 3)));
  const left = room - head.length - errors.length;
  const isTold = summary.ended === summary.total && summary.total <= TABLE_ROWS;
  const table = isTold ? [] : tableLines({ trials, now, columns, rows: left });
  const lines = [...head, ...errors, ...table];
  return lines
    .slice(0, room)
    .map((pieces) => lineOfPieces(pieces, { width: Math.max(1, columns - 1), style }));
}

/** How far the run is counts for more than its whole name, and than what may be left. */
function headline({ run, ended, total, elapsedMs, remainingMs }: RunSummary, columns: number): Piece[] {
  const far = `   ${ended}/${total} ended   ${duration(elapsedMs)}`;
  const left = remainingMs ? `   ${remaining(remainingMs)}` : '';
  const room = columns - 1 - far.length;
  const leftFits = Math.min(run.length, SHORT_NAME) + left.length <= room;
  const name = cut(safeLine(run), Math.max(SHORT_NAME, room - (leftFits ? left.length : 0)));
  return [[name, 'strong'], far, leftFits ? left : ''];
}

const present = ({ counts }: RunSummary): TrialState[] => STATE_NAMES.filter((state) => counts[state] > 0);

const stateLines = (summary: RunSummary): Piece[][] =>
  present(summary).map((state) => [
    '  ',
    stateWord(state, state.padEnd(10)),
    String(summary.counts[state]).padStart(String(summary.total).length + 1),
  ]);

const stateLine = (summary: RunSummary): Piece[] =>
  present(summary).flatMap((state) => [stateWord(state), ` ${summary.counts[state]}  `]);

/** Mean, pass@k and the last rewards. */
function figures({ mean, passAtK, latest, rewarded }: RunSummary, columns: number): Piece[][] {
  if (mean === undefined) return [];
  const evals = Object.entries(passAtK);
  const tries = evals.map(([key, values]) => {
    const told = Object.entries(values).map(([k, value]) => `pass@${k} ${figure(value)}`);
    return `   ${evals.length > 1 ? `${key}: ` : ''}${told.join(' ')}`;
  });
  // The first one fits with its reward.
  const name = Math.max(SHORT_NAME, columns - SHORT_NAME);
  const last = latest.map((line) => `${cut(safeLine(line.name), name)} ${rewardOf(line)}`).join('   ');
  return [
    [['mean reward ', 'faint'], figure(mean), ` (${rewarded} rewarded)`, ...tries],
    [['last ', 'faint'], last],
  ];
}

const rewardOf = ({ reward, state }: TrialLine): string => (reward === undefined ? state : figure(reward));

const errorLines = ({ errors }: RunSummary): Piece[][] =>
  errors.map(({ count, reason, message }) => [
    [`${count} × `, 'strong'],
    [reason, 'bad'],
    message === '' || message.startsWith('reward ') ? '' : `: ${message}`,
  ]);

interface TableOf {
  trials: Iterable<TrialLine>;
  now: Date;
  columns: number;
  rows: number;
}

/** What people look for first: trouble, then what waits, then what runs; the longest first. */
const RANK: Partial<Record<TrialState, number>> = {
  retrying: 0,
  suspended: 1,
  pending: 1,
  pulling: 1,
  building: 1,
  running: 2,
  verifying: 2,
  queued: 3,
  held: 3,
};

const rank = ({ state }: TrialLine): number => RANK[state] ?? 4;

const longestFirst = (a: TrialLine, b: TrialLine): number =>
  rank(a) - rank(b) || a.since - b.since || byText(a.name, b.name);

const newestFirst = (a: TrialLine, b: TrialLine): number => b.since - a.since || byText(a.name, b.name);

/** Of the room at most a third is for what failed. */
function chosen(trials: Iterable<TrialLine>, size: number): TrialLine[] {
  const failed: TrialLine[] = [];
  const active: TrialLine[] = [];
  for (const line of trials) {
    if (line.state === 'failed' || line.state === 'lost')
      keepBest(failed, line, { size, compare: newestFirst });
    else if (!isEnded(line.state)) keepBest(active, line, { size, compare: longestFirst });
  }
  const ofFailed = Math.max(Math.ceil(size / 3), size - active.length);
  return [...failed.slice(0, ofFailed), ...active].slice(0, size);
}

function tableLines({ trials, now, columns, rows }: TableOf): Piece[][] {
  if (rows < 3) return [];
  const lines = chosen(trials, rows - 2);
  if (lines.length === 0) return [];
  const name = Math.max(5, Math.min(40, Math.floor(columns * 0.4), widest(lines)));
  const time = columns >= ROOM_FOR_TIMES ? (text: string) => `  ${column(text, 6)}` : () => '';
  const header: Piece = [`${column('TRIAL', name)}  ${column('STATE', 9)}${time('FOR')}  WHY`, 'faint'];
  return [[''], [header], ...lines.map((line) => row(line, { name, time, now }))];
}

const widest = (lines: TrialLine[]): number => Math.max(...lines.map(({ name }) => name.length));

function row(
  line: TrialLine,
  { name, time, now }: { name: number; time: (text: string) => string; now: Date },
): Piece[] {
  const ms = isEnded(line.state) ? line.since - line.createdAt : now.getTime() - line.since;
  return [
    `${column(line.name, name)}  `,
    stateWord(line.state, column(line.state, 9)),
    `${time(duration(ms))}  `,
    reasonOf(line),
  ];
}

/** The reason that a row gives: for what waits the cluster's words, for what runs its place. */
export function reasonOf({ state, reason, message, node, exception, reward }: TrialLine): string {
  if (reward !== undefined)
    return `reward ${figure(reward)}${exception === undefined ? '' : ` (${exception})`}`;
  if (state === 'running' || state === 'verifying') return node === undefined ? '' : `on ${node}`;
  return message === '' ? reason : `${reason}: ${message}`;
}

/** A text, perhaps with a style. */
type Piece = string | readonly [text: string, style: keyof Style];

/** The pieces as one line of at most `width` cells. Texts are made harmless here; spaces between them stay. */
function lineOfPieces(pieces: readonly Piece[], { width, style }: { width: number; style: Style }): string {
  let left = width;
  let line = '';
  for (const piece of pieces) {
    const [raw, name] = typeof piece === 'string' ? [piece, undefined] : piece;
    if (left <= 0) break;
    const text = cut(harmless(raw), left);
    left -= stringWidth(text);
    line += name === undefined ? text : style[name](text);
  }
  return line.trimEnd();
}

/** As `safeLine`, but for the spaces that align columns. */
const harmless = (text: string): string => safe(text).replace(/\s/g, ' ');

/** The text, filled up with spaces or cut to exactly `width` cells. */
function column(text: string, width: number): string {
  const fitting = cut(safeLine(text), width);
  return fitting + ' '.repeat(Math.max(0, width - stringWidth(fitting)));
}

/** Whole seconds below a minute, whole minutes above: more would be a promise. */
export function remaining({ from, to }: NonNullable<RunSummary['remainingMs']>): string {
  const rough = (ms: number): string =>
    ms < 59_500 ? `${Math.max(1, Math.round(ms / 1000))}s` : minutes(ms);
  return rough(from) === rough(to) ? `about ${rough(to)} left` : `about ${rough(from)} to ${rough(to)} left`;
}

const minutes = (ms: number): string =>
  ms < 7_200_000 ? `${Math.round(ms / 60_000)}m` : duration(Math.round(ms / 60_000) * 60_000);
