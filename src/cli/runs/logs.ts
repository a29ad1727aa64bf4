/** `sb run logs` and `sb trial logs`: the logs of a run’s Trials, one after the other, or of all that run while they do; and that of one. */
import type { Trial } from '../../crds/trial.ts';
import { CliError } from '../../client/failures/error.ts';
import { followRun } from '../../client/runs/follow/follow.ts';
import { stateOf, isEnded } from '../../results/state.ts';
import type { TrialState } from '../../results/state-names.ts';
import { RunView } from '../../client/runs/follow/view.ts';
import { safe, safeJson, safeLine } from '../../text/safe.ts';
import { createBudget } from '../../async/in-parallel.ts';
import { logSources, trialLog, type LogSources } from '../../client/logs/logs.ts';
import type { LogLine } from '../../client/documents/trial.ts';
import { mayHaveLog, whenLogged, type LogWish, type TrialLog } from '../../client/logs/parts.ts';
import type { Io, OutputFormat, Terminal } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { inNamespace, namespaceToSay } from '../../client/session/namespace.ts';
import { resolveTrial } from '../../client/runs/find/trial.ts';
import { resolveRun, trialsOf } from '../../client/runs/find/runs.ts';
import { style } from '../render/style.ts';
import { safeLines } from '../../client/logs/lines.ts';

interface RunLogs {
  io: Io;
  /** As it was typed. */
  run: string;
  /** Only Trials in these states; empty: all. */
  states: readonly TrialState[];
  wish: Omit<LogWish, 'signal'>;
}

/**
 * Every line has its Trial's name before it. A Trial without a log is told on stderr; SB-E093 where none has one. With `follow` it goes on
 * until the run is over: a Trial's log comes as soon as there is one, ten at a time.
 */
export async function printRunLogs(session: Session, options: RunLogs): Promise<void> {
  const run = await resolveRun(session, options.run);
  const { states, wish, io } = options;
  const printed = wish.follow ? await follow(session, run, options) : new Set<string>();
  const trials = await trialsOf(session, run);
  let last = noTrial(run);
  for (const trial of trials) {
    const { name } = trial.metadata;
    if (printed.has(keyOf(trial, wish)) || !isIn(states, trial)) continue;
    const absent = await print(session, trial, options);
    if (absent) io.terminal.err(safe(`${name}: ${absent.why}\n`));
    else printed.add(keyOf(trial, wish));
    last = absent ?? last;
  }
  if (printed.size === 0) throw last;
}

const isIn = (states: RunLogs['states'], trial: Trial): boolean =>
  states.length === 0 || states.includes(stateOf(trial).state);

/** What has a log of its own: every attempt has another Pod, all have one build. */
const keyOf = ({ metadata: { name }, status }: Trial, { phase }: RunLogs['wish']): string =>
  phase === 'build' ? name : (status?.podName ?? name);

/** Resolves to SB-E093 where there is no log (yet). */
async function print(session: Session, trial: Trial, { io, wish }: RunLogs): Promise<CliError | undefined> {
  try {
    await printLog(io.terminal, {
      trial,
      sources: logSources(session),
      wish: { ...wish, signal: io.signal },
      prefix: `${trial.metadata.name} | `,
    });
    return undefined;
  } catch (error) {
    if (error instanceof CliError && error.code === 'SB-E093') return error;
    throw error;
  }
}

/** Each is a stream through the API server. */
const MOST = 10;

/** Prints what runs, until the run is over; resolves to the keys of what was printed. */
async function follow(session: Session, run: string, options: RunLogs): Promise<Set<string>> {
  const { kubeParts: kube, namespace } = session;
  const { io, wish, states } = options;
  const turn = createBudget(MOST);
  const printed = new Set<string>();
  const failed = Promise.withResolvers<never>();
  const printing: Promise<unknown>[] = [];
  const take = (trial: Trial): void => {
    const key = keyOf(trial, wish);
    if (printed.has(key) || !isIn(states, trial) || !mayHaveLog(trial, wish)) return;
    printed.add(key);
    const printOnce = async (): Promise<void> => {
      if (await print(session, trial, options)) printed.delete(key);
    };
    printing.push(turn(1, printOnce).catch(failed.reject));
  };
  const view = new RunView({ run });
  const onNews = ({ trial }: { trial: Trial }): void => take(trial);
  const following = followRun({ kube, namespace, run, view, signal: io.signal, onNews });
  await Promise.race([following.whenOver(), failed.promise]);
  await Promise.race([Promise.all(printing), failed.promise]);
  return printed;
}

const noTrial = (run: string): CliError =>
  new CliError('SB-E093', {
    what: `there is no log of the run ${run}`,
    why: 'no Trial of it is in such a state',
    fix: `sb run show ${run}`,
  });

interface OneLog {
  io: Io;
  /** As it was typed. */
  trial: string;
  wish: Omit<LogWish, 'signal'>;
  /** Default: for people. */
  output?: OutputFormat;
}

/** The log of one Trial; with `follow` as soon as there is one. Throws SB-E090, SB-E091, SB-E093. */
export async function printTrialLog(
  session: Session,
  { io, trial: wanted, wish, output }: OneLog,
): Promise<void> {
  const { terminal, signal } = io;
  const whole = { ...wish, signal };
  const found = await resolveTrial(session, wanted);
  const say = (text: string): void => terminal.err(`${safeLine(text)}\n`);
  const trial = wish.follow ? await whenLogged(session, found, { wish: whole, say }) : found;
  const sources = logSources(session);
  if (output === 'json' || output === 'jsonl') {
    const name = trial.metadata.name;
    return FOR_PROGRAMS[output](terminal, name, await trialLog(trial, sources, whole));
  }
  await printLog(terminal, { trial, sources, wish: whole });
  // What a program prints of its conversation is made for programs.
  if (wish.phase === 'agent' && trial.status?.usage && isEnded(stateOf(trial).state))
    say(
      `what the agent did, step by step: ${inNamespace(`sb trial show ${trial.metadata.name} --steps`, namespaceToSay(session))}`,
    );
}

/** Both are written as the log is read, which may be larger than memory. */
const FOR_PROGRAMS = { json: printLogDocument, jsonl: printLogLines };

async function printLogDocument(
  terminal: Terminal,
  trial: string,
  { parts, notes }: TrialLog,
): Promise<void> {
  terminal.out(`{"trial":${safeJson(trial)},"notes":${safeJson(notes)},"parts":[`);
  for (const [index, { title, lines }] of parts.entries()) {
    terminal.out(`${index === 0 ? '' : ','}\n{"title":${safeJson(title)},"lines":[`);
    let between = '\n';
    for await (const line of lines) {
      terminal.out(`${between}${safeJson(line)}`);
      between = ',\n';
    }
    terminal.out(']}');
  }
  terminal.out(']}\n');
}

async function printLogLines(terminal: Terminal, trial: string, { parts, notes }: TrialLog): Promise<void> {
  for (const note of notes) terminal.err(`${safeLine(note)}\n`);
  for (const { title, lines } of parts)
    for await (const line of lines) terminal.out(`${safeJson({ trial, title, line } satisfies LogLine)}\n`);
}

/** Prints a Trial's log: lines on stdout, what they are on stderr. With a prefix every line begins with it. */
export async function printLog(
  terminal: Terminal,
  {
    trial,
    sources,
    wish,
    prefix = '',
  }: { trial: Trial; sources: LogSources; wish: LogWish; prefix?: string },
): Promise<void> {
  const { parts, notes } = await trialLog(trial, sources, wish);
  const { faint } = style(terminal);
  const say = (text: string): void => terminal.err(`${faint(safeLine(prefix + text))}\n`);
  for (const note of notes) say(note);
  const before = prefix === '' ? '' : `${safeLine(prefix)} `;
  let printed = 0;
  for (const { title, lines } of parts) {
    if (parts.length > 1) say(`==> ${title} <==`);
    for await (const line of lines) {
      printed += 1;
      terminal.out(
        safeLines(line)
          .map((text) => `${before}${text}\n`)
          .join(''),
      );
    }
  }
  const { state, reason, message } = stateOf(trial);
  if (printed === 0 && !isEnded(state)) say(`nothing yet: ${reason}: ${message}`);
}
