/** One order at a time, one answer to each; everything else that comes over the FIFO is a finding. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Findings } from '../record/findings.ts';
import { openChannel } from './channel.ts';
import type { Channel } from './channel.ts';
import { parseReport } from './report.ts';
import type { Report } from './report.ts';

/** The task container has ended, or no longer answers. */
export class HandGone extends Error {
  override readonly name = 'HandGone';
}

export type Answer = Extract<Report, { sequence: number }>;

/** An order that was given. */
export interface Asked {
  answer: Promise<Answer>;
  /** Ends the phase that the order began; the answer still comes. */
  stop(): void;
  /** Gives up on an answer that takes longer. */
  within(seconds: number): void;
}

/** `token` proves that the order is the courier’s. */
export interface Order {
  sequence: number;
  token: string;
  verb: string;
}

export const newToken = (): string => randomBytes(12).toString('hex');

interface Pending {
  sequence: number;
  token: string;
  answer: PromiseWithResolvers<Answer>;
}

const isAnswerTo = (report: Report | undefined, pending: Pending | undefined): report is Answer =>
  report !== undefined &&
  'token' in report &&
  report.sequence === pending?.sequence &&
  report.token === pending.token;

export class Conversation {
  readonly #hello = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #findings: Findings;
  #channel: Channel | undefined;
  #pending: Pending | undefined;
  #greeted = false;
  #over = false;

  /** Resolves when run.sh is there. */
  readonly hello = this.#hello.promise;
  /** Resolves when run.sh has ended. */
  readonly gone = this.#gone.promise;
  /** True once an order was given up, because no answer came in time. */
  deaf = false;
  /** True once the kubelet has told the task container to stop. */
  toldToStop = false;

  constructor(findings: Findings) {
    this.#findings = findings;
    // Whoever waits for it sees the failure; nobody may be waiting.
    this.hello.catch(() => {});
  }

  async open(control: string): Promise<void> {
    this.#channel = await openChannel(control, {
      line: (line) => this.#receive(line),
      end: () => this.#end(),
    });
  }

  get over(): boolean {
    return this.#over;
  }

  /** The order that has no answer yet. */
  get unanswered(): Asked | undefined {
    return this.#pending && this.#asked(this.#pending);
  }

  /** Gives order number `sequence`, whose token lies where run.sh looks for it. */
  ask({ sequence, token, verb }: Order): Asked {
    const pending = {
      sequence,
      token,
      answer: Promise.withResolvers<Answer>(),
    };
    pending.answer.promise.catch(() => {});
    this.#pending = pending;
    if (this.#over) this.#giveUp(pending, 'the task container has ended');
    else this.tell(`${sequence} ${pending.token} ${verb}`);
    return this.#asked(pending);
  }

  /** Writes a line that is not answered. */
  tell(line: string): void {
    this.#channel?.order(line);
  }

  close(): void {
    this.#channel?.close();
  }

  #asked(pending: Pending): Asked {
    const { sequence, token, answer } = pending;
    return {
      answer: answer.promise,
      stop: () => this.tell(`${sequence} ${token} stop`),
      within: (seconds) => {
        void sleep(seconds * 1000, undefined, { ref: false }).then(() => this.#timeOut(pending, seconds));
      },
    };
  }

  #timeOut(pending: Pending, seconds: number): void {
    if (this.#pending === pending) this.deaf = true;
    this.#giveUp(pending, `the task container did not answer within ${seconds} s`);
  }

  #giveUp(pending: Pending, message: string): void {
    if (this.#pending !== pending) return;
    this.#pending = undefined;
    pending.answer.reject(new HandGone(message));
  }

  #receive(line: string): void {
    if (line === '') return;
    const report = parseReport(line);
    if (report?.kind === 'stopping') {
      this.toldToStop = true;
    } else if (report?.kind === 'hello') {
      this.#greet();
    } else if (isAnswerTo(report, this.#pending)) {
      this.#pending?.answer.resolve(report);
      this.#pending = undefined;
    } else {
      this.#findings.add(this.#oddity(report, line));
    }
  }

  #greet(): void {
    if (this.#greeted) return this.#greetAgain();
    this.#greeted = true;
    return this.#hello.resolve();
  }

  /** Somebody has killed run.sh’s server, and the next one is there; or somebody only says so. The server itself knows. */
  #greetAgain(): void {
    this.#findings.add(
      'the report said hello again: the server of orders was killed, or its words were forged',
    );
    const pending = this.#pending;
    if (pending) this.tell(`${pending.sequence} ${pending.token} still`);
  }

  #oddity(report: Report | undefined, line: string): string {
    if (!report || !('token' in report)) return `the report holds a foreign line: ${line.slice(0, 80)}`;
    return `the report answered order ${report.sequence}, which was not waiting for that answer`;
  }

  #end(): void {
    this.#over = true;
    this.#hello.reject(new HandGone('the task container ended before it began'));
    if (this.#pending) this.#giveUp(this.#pending, 'the task container has ended');
    this.#gone.resolve();
  }
}
