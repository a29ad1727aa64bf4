/** The hand as `sbd` carries it out. */
import type { Copied, Exit, Sink } from '../../wire/hand/protocol.ts';
import { present } from '../../crds/present.ts';
import type { Findings } from '../record/findings.ts';
import { HandGone } from './hand.ts';
import type {
  Brought,
  Checked,
  Command,
  Copy,
  Ended,
  Ground,
  Hand,
  Placed,
  Refusal,
  Staged,
  StageResult,
} from './hand.ts';
import { entryHand, type EntryHand } from './entry-hand.ts';
import { filesOf, type Files } from './files.ts';
import { ContainerGround } from './container-ground.ts';
import { asShellsSay, codeOf, isOutOfReach, NO_ROOM, refusedAs, REFUSALS } from './refusals.ts';
import { Sbd, type Running, type Start } from './sbd/client.ts';
import { HandLost, Refused } from '../../hand/stream.ts';
import { answered } from './within.ts';

/** The courier was told to stop. */
class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** Making a ground takes seconds, with many files on a busy machine. */
const ANSWER_SECONDS = 120;
/** What crosses is as large as what is stored may be. */
const BRING_SECONDS = 600;
/** Between TERM and KILL. */
const GRACE_MS = 5000;
/** From the order to stop to the end of what runs. */
const INTERRUPT_SECONDS = 8;
/** Whoever the container's user is may connect; a proof decides who is believed. */
const SOCKET_MODE = 0o666;
const TIMER_MAX_MS = 2 ** 31 - 1;
/** So often room is made for a process that could not start. */
const ROOM_TRIES = 3;
/** Of a user that is not root; the kernel counts all processes that the user has on the node. */
const PROCESSES_MAX = 16_384;
const SHELLS = [['/bin/bash'], ['/bin/sh']];

export interface HandOptions {
  /** POD_PATHS.control, writable here. */
  control: string;
  /** Folder that only the courier sees, and that outlives its container. */
  own: string;
  findings: Findings;
  /** Aborted when the courier is told to stop. */
  stop: AbortSignal;
}

/** Waits for sbd from now on. Its promises reject with Stopped or HandGone. */
export function openHand({ control, own, findings, stop }: HandOptions): Hand {
  const sbd = new Sbd({
    control,
    own,
    mode: SOCKET_MODE,
    onStranger: (what) => findings.add('StrangerConnected', what),
  });
  return new SbdHand({ sbd, findings, stop });
}

class SbdHand implements Hand {
  readonly files: Files;
  readonly entry: EntryHand;
  readonly #sbd: Sbd;
  readonly #ground: ContainerGround;
  readonly #findings: Findings;
  readonly #stopped: Promise<never>;
  #serial = 0;
  #running: string | undefined;
  #frozen: Promise<boolean> | undefined;
  /** Since when everybody is halted, until `resume`. */
  #halted: Promise<boolean> | undefined;

  constructor({ sbd, findings, stop }: { sbd: Sbd; findings: Findings; stop: AbortSignal }) {
    this.#sbd = sbd;
    this.#ground = new ContainerGround(sbd);
    this.#findings = findings;
    this.files = filesOf(sbd, (work) => this.#answer(work));
    this.entry = entryHand(sbd, () => Boolean(this.#frozen ?? this.#halted));
    this.#stopped = new Promise<never>((_resolve, reject) => {
      const leave = (): void => reject(new Stopped('the courier was told to stop'));
      if (stop.aborted) leave();
      else stop.addEventListener('abort', leave, { once: true });
    });
    this.#stopped.catch(() => {});
  }

  get gone(): Promise<void> {
    return this.#sbd.gone;
  }

  isGone(): boolean {
    return this.#sbd.isGone();
  }

  toldToStop(): boolean {
    return this.#sbd.toldToStop();
  }

  async ready(): Promise<void> {
    await this.#answer(async () => {
      await this.#ground.look();
      await this.#ground.layLogs();
    }, Number.POSITIVE_INFINITY);
  }

  async start(command: Command): Promise<Ended> {
    return await this.#unlessRefused(async () => {
      const running = await this.#answer(() => this.#begin(this.#startOf(command)));
      running.close();
      return { kind: 'exited', code: 0, timedOut: false, oomKills: 0 };
    });
  }

  async check({ user, workdir, interpreter, agent }: Command): Promise<Checked> {
    return await this.#unlessRefused<Checked>(async () => {
      const asked = { user, workdir, ...(interpreter !== undefined && { interpreter }) };
      const { uid, gid, home, path } = await this.#answer(() => this.#sbd.check(asked));
      const who = { uid, gid, home, ...present({ path }) };
      return { ...who, ...(agent && uid !== 0 && (await this.#mayBeRoot(user)) && { sudo: true }) };
    });
  }

  /** True where sudo would let the user run anything without a password. */
  async #mayBeRoot(user: string): Promise<boolean> {
    const asking: Start = {
      id: this.#name(),
      argv: ['sudo', '-n', '-l'],
      user,
      stdout: 'null',
      stderr: 'null',
      timeoutMs: 10_000,
    };
    const { code } = await this.#answer(() => this.#sbd.execute(asking)).catch(refusedAs({ code: 1 }));
    return code === 0;
  }

  async run(command: Command, limitSeconds?: number): Promise<Ended> {
    const start = this.#startOf(command);
    this.#running = start.id;
    const ended = await this.#unlessRefused<Ended>(async () => {
      const limit = limitSeconds && {
        timeoutMs: Math.min(limitSeconds * 1000, TIMER_MAX_MS),
        ending: { scope: 'family' as const, graceMs: GRACE_MS },
      };
      const exit = await Promise.race([this.#stopped, this.#toItsEnd({ ...start, ...limit })]).catch(
        asShellsSay(command),
      );
      const { signal, timedOut, oomKills } = exit;
      return { kind: 'exited', code: codeOf(exit), ...present({ signal }), timedOut, oomKills };
    });
    if (this.#running === start.id) this.#running = undefined;
    if (ended.kind === 'exited' && ended.code !== 0 && command.exitFile !== undefined)
      await this.#leave(command.exitFile, `${ended.code}\n`);
    return ended;
  }

  async place(what: Placed): Promise<void> {
    const { user, ...asRoot } = what;
    await this.#answer(() =>
      this.#ground.place(what).catch(async (error: unknown) => {
        if (user === undefined || !isOutOfReach(error)) throw error;
        await this.#undisturbed(() => this.#ground.place(asRoot));
      }),
    );
  }

  async empty(folders: string[]): Promise<boolean> {
    const emptied = (): Promise<boolean> => this.#ground.empty(folders).catch(refusedAs(false));
    return await this.#answer(() => this.#undisturbed(emptied));
  }

  async bring(what: Brought): Promise<void> {
    await this.#answer(() => this.#ground.bring(what), BRING_SECONDS);
  }

  async stage(what: Staged, ground: Ground = {}): Promise<StageResult> {
    const { verifier = false, agent, stopBackground = false } = ground;
    const lay = (): Promise<boolean> => this.#ground.lay(what, ground).catch(refusedAs(false));
    const halted = {
      left: stopBackground ? ('end' as const) : ('keep' as const),
      ...(agent !== undefined && { agentUid: agent }),
    };
    return await this.#answer(() =>
      this.#sbd.whileHalted(halted, async ({ left, guests }, killLeft) => {
        let done = await lay();
        if (!done && verifier) {
          await killLeft();
          done = await lay();
        }
        return verifier ? { done, background: left - guests, guests } : { done, background: 0, guests: 0 };
      }),
    );
  }

  halt(): Promise<boolean> {
    return (this.#halted ??= this.#answer(async () => (await this.#sbd.halt()) === 0));
  }

  async resume(): Promise<boolean> {
    this.#halted = undefined;
    return await this.#answer(() => this.#sbd.resume());
  }

  /** For what root does where others may write: nobody changes anything meanwhile. */
  async #undisturbed<T>(work: () => Promise<T>): Promise<T> {
    return this.#halted ? await work() : await this.#sbd.whileHalted({}, work);
  }

  async copy(copy: Copy, signal: AbortSignal): Promise<Copied> {
    return await Promise.race([this.#stopped, this.#again(() => this.#sbd.copy(copy, signal))]);
  }

  freeze(): Promise<boolean> {
    // Once: then nobody is left to begin anything, unless it failed.
    return (this.#frozen ??= this.#freeze().catch((error: unknown) => {
      this.#frozen = undefined;
      throw error;
    }));
  }

  async #freeze(): Promise<boolean> {
    const running = this.#running;
    if (running !== undefined)
      await answered(INTERRUPT_SECONDS, this.#sbd.end(running, { scope: 'family', graceMs: GRACE_MS })).catch(
        () => {},
      );
    const frozen = this.#again(() => this.#sbd.freeze());
    return (await answered(ANSWER_SECONDS, frozen)) === 0;
  }

  exit(code = 0): void {
    // It may be about to connect, to a courier that was started again.
    this.#sbd.ready().then(
      () => this.#sbd.exit(code),
      () => {},
    );
  }

  close(): void {
    this.#sbd.close();
  }

  #name(): string {
    this.#serial += 1;
    // No program that enters can name a command like that.
    return `sb-${process.pid}-${this.#serial}`;
  }

  #startOf(command: Command): Start {
    const { argv, user, workdir, env, interpreter, shell, stdout, stderr, agent } = command;
    const isRoot = /^(root|0)(:|$)/.test(user);
    const sink = (path: string | undefined, otherwise: Sink): Sink =>
      path === undefined ? otherwise : { file: path };
    return {
      id: this.#name(),
      argv,
      user,
      workdir,
      env,
      stdout: sink(stdout, 'log'),
      stderr: sink(stderr, stdout === undefined ? 'log' : 'stdout'),
      ...(interpreter !== undefined && { interpreter }),
      ...(shell && { launchers: SHELLS }),
      ...(agent && { marks: true }),
      ...(!isRoot && { limits: { nproc: PROCESSES_MAX } }),
    };
  }

  /** Starts a command. Where the agent has left no room for a process, or kills each that begins, what it left is ended first. */
  async #begin(start: Start): Promise<Running> {
    for (let tries = 0; tries < ROOM_TRIES; tries += 1)
      try {
        return await this.#beginOnce(start);
      } catch (error) {
        if (!(error instanceof Refused) || !NO_ROOM.has(error.reason)) throw error;
        this.#findings.add(
          'ProcessLimitReached',
          'no process could be started in the task container before what was left running was killed',
        );
        await this.#again(() => this.#sbd.whileHalted({ left: 'kill' }, async () => {}));
      }
    throw new HandGone('no process can be started in the task container');
  }

  /** Where the connection was lost meanwhile it may run already. */
  async #beginOnce(start: Start): Promise<Running> {
    let lost = false;
    return await this.#again(async () => {
      if (!lost) {
        lost = true;
        return await this.#sbd.run(start);
      }
      const attached = await this.#sbd.attach({ id: start.id }).catch(refusedAs(undefined));
      return attached ?? (await this.#sbd.run(start));
    });
  }

  async #toItsEnd(start: Start): Promise<Exit> {
    let running = await this.#begin(start);
    return await this.#again(async () => {
      try {
        const exit = await running.exited;
        // Then sbd has ended it with all others.
        if (this.toldToStop()) throw new HandGone('the task container was told to stop');
        return exit;
      } catch (error) {
        if (!(error instanceof HandLost)) throw error;
        await this.#sbd.ready();
        running = await this.#sbd.attach({ id: start.id });
        throw error;
      }
    }).finally(() => running.close());
  }

  /** Leaves a file in the container, where nothing keeps it from there. */
  async #leave(path: string, text: string): Promise<void> {
    await this.#answer(() => this.#sbd.writeFile({ path, mode: 0o644 }, Buffer.from(text))).catch(
      refusedAs(undefined),
    );
  }

  /** Does something again after the connection was lost, unless the container has ended. */
  async #again<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      await this.#sbd.ready().catch((error: Error) => {
        throw new HandGone(error.message);
      });
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof HandLost)) throw error;
      }
    }
  }

  /** What must not take long. */
  async #answer<T>(work: () => Promise<T>, seconds = ANSWER_SECONDS): Promise<T> {
    return await Promise.race([this.#stopped, answered(seconds, this.#again(work))]);
  }

  async #unlessRefused<T>(work: () => Promise<T>): Promise<T | { kind: 'refused'; refusal: Refusal }> {
    try {
      return await work();
    } catch (error) {
      const refusal = error instanceof Refused ? REFUSALS[error.reason] : undefined;
      if (refusal === undefined) throw error;
      return { kind: 'refused', refusal };
    }
  }
}
