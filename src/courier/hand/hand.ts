/** run.sh, the courier's hand inside the task container. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Findings } from '../record/findings.ts';
import { commandFile, envFile, script } from './command.ts';
import type { Command } from './command.ts';
import { Conversation, HandGone, newToken } from './conversation.ts';
import type { Answer, Asked } from './conversation.ts';
import type { Refusal } from './report.ts';

/** The courier was told to stop. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** How a command ended. A `code` above 128 is a signal's number plus 128. */
export type Ended =
  | { kind: 'exited'; code: number; timedOut: boolean; oomKills: number }
  | { kind: 'refused'; refusal: Refusal }
  /** Somebody killed run.sh’s server, and with it the command’s first process ended. */
  | { kind: 'lost' };

/** As which user a command would run, or why it could not. `sudo`: of an agent, that it may become root without a password. */
export type Checked = { uid: number; gid: number; sudo?: boolean } | { refusal: Refusal };

/** Where staged files go, and to whom. */
export interface Ground {
  /** Folder in the task container that is made anew. */
  to: string;
  /** User that owns it; default: root. */
  owner?: number;
  /** Only the owner and root may enter it. */
  hidden?: boolean;
  /** Makes `/logs/verifier` anew, too, and tells what the agent left running. */
  verifier?: boolean;
  /** The agent's user, where that is not root: whatever runs as it counts as the agent's. */
  agent?: number;
  /** Ends that first. */
  stopBackground?: boolean;
}

/** `background`: how many processes the agent has left running. */
export interface Staged {
  done: boolean;
  background: number;
}

export interface Hand {
  /** Resolves when run.sh is there. */
  ready(): Promise<void>;
  /** Resolves when run.sh has ended. */
  gone: Promise<void>;
  isGone(): boolean;
  /** True once the kubelet has told the task container to stop. */
  toldToStop(): boolean;
  /** Starts a command that nobody waits for. */
  start(command: Command): Promise<Ended>;
  /** Asks what `run` would do with a command. */
  check(command: Command): Promise<Checked>;
  /** Runs a command to its end, or to its limit: then what belongs to it and has not detached itself is ended. */
  run(command: Command, limitSeconds?: number): Promise<Ended>;
  /** Puts what `fill` writes into the new folder it is given into the container. */
  stage(fill: (folder: string) => Promise<void>, ground: Ground): Promise<Staged>;
  /** Ends every process but run.sh, and makes all of /logs readable; false when somebody is left. Works when the courier was told to stop, too. */
  freeze(): Promise<boolean>;
  /** Ends the task container. */
  exit(): void;
  close(): void;
}

/** Staging and freezing take seconds, with many files on a busy machine. Who halts run.sh holds the node no longer than this. */
const ANSWER_SECONDS = 120;
/** An order that is lost again and again will not be carried out. */
const LOST_MAX = 3;
/** From the order to stop to the answer: ten seconds in run.sh, and some for a busy machine. */
const STOP_SECONDS = 20;
const INTERRUPT_SECONDS = 8;
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface HandOptions {
  /** POD_PATHS.control, writable here. */
  control: string;
  findings: Findings;
  /** Aborted when the courier is told to stop. */
  stop: AbortSignal;
}

/** Opens the hand as soon as its FIFOs are there. Its promises reject with Stopped or HandGone. */
export async function openHand({ control, findings, stop }: HandOptions): Promise<Hand> {
  const talk = new Conversation(findings);
  await talk.open(control);
  const stopped = new Promise<never>((_resolve, reject) => {
    const leave = (): void => reject(new Stopped('the courier was told to stop'));
    if (stop.aborted) leave();
    else stop.addEventListener('abort', leave, { once: true });
  });
  stopped.catch(() => {});
  const unlessStopped = <T>(result: Promise<T>): Promise<T> => Promise.race([stopped, result]);
  const nextOrder = orders(talk, join(control, 'stage'));

  const quick = async (verb: string, contents: Contents): Promise<Told> => {
    for (let lost = 0; lost < LOST_MAX; lost += 1) {
      const answer = await nextOrder(verb, contents, (asked) => {
        asked.within(ANSWER_SECONDS);
        return unlessStopped(asked.answer);
      });
      if (answer.kind !== 'lost') return answer;
    }
    throw new HandGone('the server of orders was killed again and again');
  };
  const farewell = farewellOf(talk, join(control, 'stage', '0'));

  return {
    ready: () => unlessStopped(talk.hello),
    gone: talk.gone,
    isGone: () => talk.over,
    toldToStop: () => talk.toldToStop,
    start: async (command) => ended(await quick('start', filesOf(command)), false),
    check: async (command) => {
      const answer = await quick('check', filesOf(command));
      if (answer.kind === 'refused') return { refusal: answer.refusal };
      const [uid = 0, gid = 0, sudo = 0] = answer.numbers;
      return { uid, gid, ...(sudo > 0 && { sudo: true }) };
    },
    run: (command, limitSeconds) =>
      nextOrder('run', filesOf(command), async (asked) => {
        let timedOut = false;
        const stopAtLimit = (): void => {
          timedOut = true;
          asked.stop();
          asked.within(STOP_SECONDS);
        };
        const limit = limitSeconds && setTimeout(stopAtLimit, Math.min(limitSeconds * 1000, TIMER_MAX_MS));
        const answer = await unlessStopped(asked.answer).finally(() => clearTimeout(limit));
        return ended(answer, timedOut);
      }),
    stage: async (fill, ground) => {
      const answer = await quick('stage', { files: { command: groundFile(ground) }, fill });
      return { done: succeeded(answer), background: answer.kind === 'done' ? (answer.numbers[0] ?? 0) : 0 };
    },
    freeze: freezer(talk, nextOrder),
    exit: farewell.say,
    close: () => {
      farewell.forget();
      talk.close();
    },
  };
}

/** Freezes once: then nobody is left to begin anything, unless it failed. */
function freezer(talk: Conversation, nextOrder: NextOrder): () => Promise<boolean> {
  const freeze = async (): Promise<boolean> => {
    const running = talk.unanswered;
    running?.stop();
    running?.within(INTERRUPT_SECONDS);
    await running?.answer.catch(() => {});
    return await nextOrder('freeze', { files: {} }, async (asked) => {
      asked.within(running || talk.deaf ? INTERRUPT_SECONDS : ANSWER_SECONDS);
      return succeeded(await asked.answer);
    });
  };
  let frozen: Promise<boolean> | undefined;
  return () =>
    (frozen ??= freeze().catch((error: unknown) => {
      frozen = undefined;
      throw error;
    }));
}

/**
 * The order to exit. Its folder alone says it to run.sh's first process, where no server lives to take it. It is made beforehand and renamed,
 * because a disk that the agent has filled takes nothing new.
 */
function farewellOf(talk: Conversation, folder: string): { say: () => void; forget: () => void } {
  const token = newToken();
  const ready = `${folder}.ready`;
  mkdirSync(ready, { recursive: true, mode: 0o700 });
  writeFileSync(join(ready, 'token'), `${token}\n`, { mode: 0o600 });
  return {
    say: () => {
      renameSync(ready, folder);
      talk.tell(`0 ${token} exit`);
    },
    forget: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** An answer that says what came of the order. */
type Told = Exclude<Answer, { kind: 'lost' }>;

const yes = (holds: boolean | undefined): string | undefined => (holds ? 'yes' : undefined);

const groundFile = ({ to, owner, hidden, verifier, agent, stopBackground }: Ground): string =>
  script({
    to,
    owner: owner === undefined ? undefined : String(owner),
    mode: hidden ? '700' : undefined,
    ground: yes(verifier),
    agent_uid: agent ? String(agent) : undefined,
    stop: yes(stopBackground),
  });

interface Contents {
  files: Record<string, string>;
  fill?: (folder: string) => Promise<void>;
}

const filesOf = (command: Command): Contents => ({
  files: { command: commandFile(command), env: envFile(command) },
});

type NextOrder = ReturnType<typeof orders>;

/** Gives orders with ascending numbers. What an order brings is there for as long as `wait` waits for its answer. */
function orders(talk: Conversation, stage: string) {
  let sequence = 0;
  return async <T>(verb: string, contents: Contents, wait: (asked: Asked) => Promise<T>): Promise<T> => {
    sequence += 1;
    const current = sequence;
    const folder = join(stage, String(current));
    try {
      const token = newToken();
      await writeContents(folder, { ...contents, files: { ...contents.files, token: `${token}\n` } });
      return await wait(talk.ask({ sequence: current, token, verb }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** Root in the task container may read it; nobody else, for it holds secrets and tests. */
async function writeContents(folder: string, { files, fill }: Contents): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text, { mode: 0o600 });
  if (!fill) return;
  await mkdir(join(folder, 'files'));
  await fill(join(folder, 'files'));
}

const succeeded = (answer: Answer): boolean => answer.kind === 'done' && answer.code === 0;

function ended(answer: Answer, timedOut: boolean): Ended {
  if (answer.kind === 'refused') return { kind: 'refused', refusal: answer.refusal };
  if (answer.kind === 'lost') return { kind: 'lost' };
  const { code, oomKills } = answer;
  return { kind: 'exited', code, oomKills, timedOut };
}
