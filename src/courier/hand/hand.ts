/** run.sh, the courier's hand inside the task container. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Findings } from '../record/findings.ts';
import { commandFile, envFile, script } from './command.ts';
import type { Command } from './command.ts';
import { Conversation } from './conversation.ts';
import type { Answer, Asked } from './conversation.ts';
import type { Refusal } from './report.ts';

/** The courier was told to stop. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** How a command ended. A `code` above 128 is a signal's number plus 128. */
export type Ended =
  | { kind: 'exited'; code: number; timedOut: boolean; oomKills: number }
  | { kind: 'refused'; refusal: Refusal };

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
  /** Runs a command to its end, or to its limit: then everything that belongs to it is ended. */
  run(command: Command, limitSeconds?: number): Promise<Ended>;
  /** Puts what `fill` writes into the new folder it is given to `to` in the container, after emptying `clear`; false when that failed. */
  stage(fill: (folder: string) => Promise<void>, to: string, clear?: string): Promise<boolean>;
  /** Copies paths of the container to `/logs/artifacts/<into>`; resolves the positions that failed. */
  collect(artifacts: { source: string; into: string }[]): Promise<number[]>;
  /** Ends every process but run.sh, and makes all of /logs readable. Works when the courier was told to stop, too. */
  freeze(): Promise<void>;
  /** Ends the task container. */
  exit(): void;
  close(): void;
}

/** Staging, collecting and freezing take seconds. */
const ANSWER_SECONDS = 600;
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

  const quick = async (verb: string, contents: Contents): Promise<Answer> =>
    nextOrder(verb, contents, (asked) => {
      asked.within(ANSWER_SECONDS);
      return unlessStopped(asked.answer);
    });

  return {
    ready: () => unlessStopped(talk.hello),
    gone: talk.gone,
    isGone: () => talk.over,
    toldToStop: () => talk.toldToStop,
    start: async (command) => ended(await quick('start', filesOf(command)), false),
    run: (command, limitSeconds) =>
      nextOrder('run', filesOf(command), async (asked) => {
        let timedOut = false;
        const stopAtLimit = (): void => {
          timedOut = true;
          asked.stop();
          asked.within(STOP_SECONDS);
        };
        const limit = limitSeconds && setTimeout(stopAtLimit, Math.min(limitSeconds * 1000, TIMER_MAX_MS));
        try {
          return ended(await unlessStopped(asked.answer), timedOut);
        } finally {
          clearTimeout(limit);
        }
      }),
    stage: async (fill, to, clear) =>
      succeeded(await quick('stage', { files: { command: script({ to, clear }) }, fill })),
    collect: async (artifacts) => {
      const words = artifacts.flatMap(({ source, into }) => [source, into]);
      const answer = await quick('collect', { files: { command: script({}, words) } });
      return answer.kind === 'done' ? answer.failed : [];
    },
    freeze: async () => {
      const running = talk.unanswered;
      running?.stop();
      running?.within(INTERRUPT_SECONDS);
      await running?.answer.catch(() => {});
      await nextOrder('freeze', { files: {} }, (asked) => {
        asked.within(running ? INTERRUPT_SECONDS : ANSWER_SECONDS);
        return asked.answer;
      });
    },
    exit: () => talk.tell('0 0 exit'),
    close: () => talk.close(),
  };
}

interface Contents {
  files: Record<string, string>;
  fill?: (folder: string) => Promise<void>;
}

const filesOf = (command: Command): Contents => ({
  files: { command: commandFile(command), env: envFile(command) },
});

/** Gives orders with ascending numbers. What an order brings is there for as long as `wait` waits for its answer. */
function orders(talk: Conversation, stage: string) {
  let sequence = 0;
  return async <T>(verb: string, contents: Contents, wait: (asked: Asked) => Promise<T>): Promise<T> => {
    sequence += 1;
    const current = sequence;
    const folder = join(stage, String(current));
    try {
      await writeContents(folder, contents);
      return await wait(talk.ask(current, verb));
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
  const { code, oomKills } = answer;
  return { kind: 'exited', code, oomKills, timedOut };
}
