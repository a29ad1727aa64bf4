/** `sb trial debug`: a shell where the agent works, or worked. */
import { SBD } from '../../wire/pod-paths.ts';
import { conditionOf } from '../../crds/conditions.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import { API_VERSION, bounded, PREFIX } from '../../crds/names.ts';
import type { Trial, TrialSpec } from '../../crds/trial.ts';
import { sleep } from '../../async/clock.ts';
import { CliError } from '../../client/failures/error.ts';
import { isEnded, stateOf } from '../../results/state.ts';
import { safe } from '../../text/safe.ts';
import { inNamespace, namespaceToSay } from '../../client/session/namespace.ts';
import { aboutTrial, demandEntry, enterTrial } from '../../client/sandbox/trial.ts';
import { attend, LOGIN_SHELL } from '../sandbox/exec.ts';
import type { Io } from '../types.ts';
import type { Session } from '../../client/session/types.ts';
import { resolveTrial } from '../../client/runs/find/trial.ts';

interface DebugOptions {
  io: Io;
  /** As it was typed. */
  trial: string;
  /** What to run; empty: a shell. */
  command: readonly string[];
  /** Default: the agent's. */
  user?: string;
  /** A copy even where the Trial itself runs. */
  copy: boolean;
  /** How long a copy lives. */
  seconds: number;
  /** Delete the copy when the shell ends. */
  remove: boolean;
}

/**
 * A running Trial's own container, else that of a copy of it, which is made where there is none. Resolves to the exit code of shell or
 * command. Throws SB-E095 where there is nothing to open a shell in, or nobody to type into it, and SB-E104 for whoever may not.
 */
export async function debugTrial(session: Session, options: DebugOptions): Promise<number> {
  const { io, command } = options;
  const trial = await resolveTrial(session, options.trial);
  const { name } = trial.metadata;
  if (command.length === 0 && !io.terminal.input) throw noTerminal(name);
  const say = (text: string): void => io.terminal.err(`${safe(text)}\n`);
  // A regrade has no container of an agent.
  const own = !options.copy && !trial.spec.regrade && isRunning(trial);
  if (own) {
    say(
      `Trial ${name} is running: what you do in there may change its result, its verdict is no longer Clean, and its phases end your shell when they end`,
    );
    return inContainer(session, trial, options);
  }
  const copy = await copyOf(session, trial, { ...options, say });
  const running = await started(session, copy, { io, say });
  try {
    return await inContainer(session, running, options);
  } finally {
    await afterwards(session, running, { ...options, say, of: name });
  }
}

const isRunning = (trial: Trial): boolean =>
  conditionOf(trial, 'Started')?.status === 'True' && stateOf(trial).state === 'running';

type Say = { say: (text: string) => void };

/** The copy that lives already, or a new one. */
async function copyOf(
  session: Session,
  trial: Trial,
  { seconds, say }: Pick<DebugOptions, 'seconds'> & Say,
): Promise<Trial> {
  const { kube, namespace } = session;
  // The copy of a copy is the copy.
  if (trial.metadata.annotations?.[DEBUG_OF] !== undefined && !isEnded(stateOf(trial).state)) return trial;
  for (let number = 1; ; number += 1) {
    const name = debugName(trial.metadata.name, number);
    const found = await kube.get(TrialKind, { namespace, name });
    // An ended one may still have a Job of the name that another of its name would need.
    if (found && isEnded(stateOf(found).state)) continue;
    if (found) {
      say(`Trial ${name} is there already, a copy of ${trial.metadata.name}`);
      return found;
    }
    // Whoever may not enter it is told before anything starts.
    await demandEntry(session, name);
    say(
      `Trial ${trial.metadata.name} has no running container: starting ${name}, a copy whose agent only waits; it ends by itself after ${seconds} s, counts in no run and stores nothing`,
    );
    return kube.create(TrialKind, debugCopy(trial, { name, seconds }));
  }
}

const POLL_MS = 500;

/** Waits until the container runs, and says what it waits for. */
async function started(
  { kube, kubeParts, namespace }: Session,
  copy: Trial,
  { io, say }: { io: Io } & Say,
): Promise<Trial> {
  const { name } = copy.metadata;
  let told = '';
  for (;;) {
    const trial = await kube.get(TrialKind, { namespace, name });
    if (!trial) throw notRunning(name, 'it was deleted');
    const { state, reason, message } = stateOf(trial);
    if (isEnded(state)) throw notRunning(name, `${reason}: ${message}`);
    if (isRunning(trial)) return trial;
    const now = `${state}: ${message}`;
    if (now !== told) say(`  ${now}`);
    told = now;
    await sleep(kubeParts.clock, POLL_MS, io.signal);
    io.signal.throwIfAborted();
  }
}

async function inContainer(
  session: Session,
  { metadata: { name } }: Trial,
  { command, io, user }: DebugOptions,
): Promise<number> {
  const isShell = command.length === 0;
  try {
    return await attend(enterTrial(session, name, io.signal), {
      io,
      command: isShell ? LOGIN_SHELL : command,
      tty: isShell,
      input: true,
      ...(user !== undefined && { user }),
    });
  } catch (error) {
    throw aboutTrial(error, { name, namespace: session.namespace });
  }
}

async function afterwards(
  session: Session,
  { metadata: { name } }: Trial,
  { remove, say, of }: Pick<DebugOptions, 'remove'> & Say & { of: string },
): Promise<void> {
  const { kube, namespace } = session;
  if (remove) {
    await kube.delete(TrialKind, { namespace, name });
    return say(`Trial ${name} is deleted`);
  }
  const [back, end] = [`sb trial debug ${of} --copy`, `sb trial cancel ${name} --yes`].map((line) =>
    inNamespace(line, namespaceToSay(session)),
  );
  say(`Trial ${name} lives on; back into it: ${back}; to end it: ${end}`);
}

const noTerminal = (name: string): CliError =>
  new CliError('SB-E095', {
    what: `cannot open a shell for the Trial ${name}`,
    why: 'there is no terminal to type on',
    fix: `sb trial debug ${name} -- <command>`,
  });

const notRunning = (name: string, why: string): CliError =>
  new CliError('SB-E095', {
    what: `the Trial ${name} has no container to open a shell in`,
    why,
    fix: `sb trial explain ${name}`,
  });

/** On a copy: the Trial that it is a copy of. */
const DEBUG_OF = `${PREFIX}debug-of`;

/** Beyond the time that was asked for: the agent's `sleep` ends by itself, and not by its limit. */
const SLACK_SECONDS = 60;
/** How long an ended copy is kept. */
const KEPT_SECONDS = 300;

/** `<trial>-debug`, or `<trial>-debug-2` and so on where the names before it are taken. */
export const debugName = (trial: string, number: number): string => {
  const end = number === 1 ? '-debug' : `-debug-${number}`;
  return `${bounded(trial, 52 - end.length)}${end}`;
};

/**
 * Same image (the very digest, where it is known), resources, variables, network and node; no verifier, no healthcheck, no upload, no run:
 * it counts nowhere. Its agent sleeps for `seconds`, then it ends, and a few minutes later it is gone. `/solution` and `/tests` are not in
 * it: they only ever appear in their phases.
 */
function debugCopy(trial: Trial, { name, seconds }: { name: string; seconds: number }): Trial {
  const {
    run: _run,
    agent,
    verifier: _verifier,
    artifacts: _artifacts,
    regrade: _regrade,
    ...spec
  } = trial.spec;
  return {
    apiVersion: API_VERSION,
    kind: 'Trial',
    metadata: {
      name,
      namespace: trial.metadata.namespace ?? '',
      annotations: { [DEBUG_OF]: trial.metadata.name },
    },
    spec: {
      ...spec,
      environment: environmentOf(trial),
      agent: {
        name: 'custom',
        run: `#!${SBD} sleep ${seconds}`,
        timeoutSeconds: seconds + SLACK_SECONDS,
        setupTimeoutSeconds: agent.setupTimeoutSeconds,
        ...(agent.env && { env: agent.env }),
        ...(agent.user !== undefined && { user: agent.user }),
      },
      verifier: { mode: 'Shared', disabled: true },
      maxAttempts: 1,
      suspend: false,
      cancel: false,
      uploadResults: false,
      ttlSecondsAfterFinished: KEPT_SECONDS,
    },
  };
}

/** In place of the task's own. */
const HEALTHY = {
  command: 'true',
  intervalSeconds: 0,
  timeoutSeconds: 30,
  startPeriodSeconds: 0,
  startIntervalSeconds: 0,
  retries: 1,
};

function environmentOf({ spec, status }: Trial): TrialSpec['environment'] {
  const environment = { ...spec.environment, healthcheck: HEALTHY };
  if (status?.image === undefined) return environment;
  const { build: _build, buildRef: _buildRef, ...kept } = environment;
  return { ...kept, image: status.image };
}
