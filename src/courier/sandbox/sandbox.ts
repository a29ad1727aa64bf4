/** The courier beside a Sandbox's container: lets programs in that the broker sends, and ends the Pod when nobody has used it for long enough. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, type Clock } from '../../async/clock.ts';
import type { ImageConfig } from '../../crds/image-config.ts';
import type { SandboxAssignment, SandboxEnded } from '../../wire/sandbox/assignment.ts';
import { SANDBOX_PORT } from '../../wire/sandbox/names.ts';
import type { SandboxDefaults } from '../../wire/sandbox/requests.ts';
import { HttpFailure } from '../broker/http.ts';
import { Sbd } from '../hand/sbd/client.ts';
import { Refused } from '../../hand/stream.ts';
import type { BrokerSettings } from '../settings.ts';
import { sandboxBroker, type SandboxBroker } from './broker.ts';
import { keepCertificate } from './certificate.ts';
import { Commands, OWN_PREFIX } from './commands.ts';
import { makeDoor } from './door.ts';
import { Idle } from './idle.ts';
import { mayRun, wayOut, type SandboxWay } from './network.ts';
import { Sessions } from './sessions.ts';

export interface SandboxDeps {
  broker: BrokerSettings;
  /** Of the control volume. */
  control: string;
  /** Folder that only the courier sees, and that outlives its container. */
  own: string;
  /** Aborted when the kubelet tells the courier to stop. */
  stop: AbortSignal;
  clock: Clock;
  note: (line: string) => void;
  /** Leaves the termination message. */
  leaveMessage: (message: string) => void;
  /** Default: `SANDBOX_PORT`; 0 for any. */
  port?: number;
  courierUid?: number;
  /** Programs may connect now. */
  onOpen?: (open: { port: number }) => void;
}

/** Whoever the container's user is may connect; a proof decides who is believed. */
const SOCKET_MODE = 0o666;
/** The broker may be away for long: what runs goes on, and this courier has nothing else to do than to ask again. */
const PATIENCE_MS = 24 * 3600 * 1000;
const ASK_MS = 20_000;
const POOLED_WAIT_SECONDS = 30;
/** For the container to end. */
const FAREWELL_MS = 2000;
const ENTRYPOINT = `${OWN_PREFIX}entrypoint`;

/** Resolves when the Sandbox has ended, or this courier was told to stop. */
export async function runSandbox(deps: SandboxDeps): Promise<void> {
  const { control, own, courierUid, stop, note } = deps;
  const over = new AbortController();
  const end = (why: string) => (): void => {
    if (!over.signal.aborted) note(`the Sandbox ends: ${why}`);
    over.abort();
  };
  const hand = new Sbd({
    control,
    own,
    mode: SOCKET_MODE,
    ...(courierUid !== undefined && { courierUid }),
    onStranger: (what) => note(`not let in: ${what}`),
    onStopping: end('the kubelet has told its container to stop'),
  });
  void hand.gone.then(end('its container has ended'));
  if (stop.aborted) over.abort();
  stop.addEventListener('abort', end('its courier was told to stop'), { once: true });
  const patience = { totalMs: PATIENCE_MS, note, stop: over.signal };
  try {
    await new SandboxRun(deps, { hand, over, broker: sandboxBroker(deps.broker, patience) }).run();
  } catch (error) {
    // Whatever was waited for when it ended.
    if (!over.signal.aborted) throw error;
  } finally {
    hand.close();
  }
}

class SandboxRun {
  readonly #deps: SandboxDeps;
  readonly #hand: Sbd;
  readonly #broker: SandboxBroker;
  /** Aborted when the Sandbox ends. */
  readonly #over: AbortController;
  readonly #commands: Commands;
  readonly #sessions: Sessions;
  #defaults: SandboxDefaults = { user: '0', workdir: '/', env: {} };
  #idle: Idle | undefined;
  #way: SandboxWay | undefined;
  /** Why this courier ends the Pod, where it does. */
  #ended: SandboxEnded | undefined;

  constructor(
    deps: SandboxDeps,
    { hand, over, broker }: { hand: Sbd; over: AbortController; broker: SandboxBroker },
  ) {
    const { clock } = deps;
    const touch = (): void => this.#idle?.touch();
    this.#deps = deps;
    this.#hand = hand;
    this.#over = over;
    this.#broker = broker;
    this.#commands = new Commands({ hand, clock, onEnd: touch });
    this.#sessions = new Sessions({
      hand,
      clock,
      commands: this.#commands,
      defaults: () => this.#defaults,
      onBytes: touch,
    });
  }

  async run(): Promise<void> {
    const { port = SANDBOX_PORT, clock, note, onOpen } = this.#deps;
    const [first] = await this.#unlessOver(Promise.all([this.#broker.assignment(), this.#hand.ready()]));
    note(`sbd ${this.#hand.version()} is there`);
    if (!(await this.#unlessOver(mayRun(first.network, this.#deps.broker)))) return await this.#refuse();
    this.#way = await this.#unlessOver(wayOut(first.network, this.#deps.broker));
    await this.#unlessOver(this.#begin(first.image));
    const assignment = first.kind === 'sandbox' ? first : await this.#unlessOver(this.#adopted());
    this.#take(assignment);
    const door = makeDoor(this.#sessions);
    const issue = (): ReturnType<SandboxBroker['certificate']> => this.#broker.certificate();
    const endRenewal = await this.#unlessOver(keepCertificate({ clock, issue, use: door.use, note }));
    const opened = await door.open(port);
    note(`Sandbox ${assignment.namespace}/${assignment.name} is open`);
    this.#watchIdle(assignment);
    onOpen?.({ port: opened });
    await this.#untilOver();
    endRenewal();
    door.close();
    await this.#leave();
  }

  /** Starts what the image starts with, once in the Pod's life, and finds again what an earlier courier has started. */
  async #begin({ entrypoint, user, workdir }: ImageConfig): Promise<void> {
    this.#commands.adopt(await this.#hand.commands());
    const mark = join(this.#deps.own, 'entrypoint-started');
    if (entrypoint.length === 0 || existsSync(mark)) return;
    writeFileSync(mark, '', { mode: 0o600 });
    try {
      const running = await this.#hand.run({
        id: ENTRYPOINT,
        // As in Trials: the image's command gives way to one that only keeps the container alive.
        argv: [...entrypoint, 'sh', '-c', 'sleep infinity'],
        user: user || '0',
        workdir: workdir || '/',
        env: this.#way?.env ?? {},
        stdout: 'log',
        stderr: 'log',
      });
      this.#deps.note(`entrypoint started: ${entrypoint[0]}`);
      // What it says is in the container's log; a later courier does not know how it ended.
      void running.exited.then(
        ({ code, signal }) => {
          const how = code === undefined ? `signal ${signal}` : `exit code ${code}`;
          this.#deps.note(`the image's entrypoint has ended: ${how}`);
          running.close();
        },
        () => {},
      );
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#deps.note(`the image's entrypoint does not start: ${error.reason}: ${error.message}`);
    }
  }

  /** The Pod is one of a pool: resolves when a Sandbox has it. */
  async #adopted(): Promise<SandboxAssignment> {
    this.#deps.note('waiting in the pool');
    for (;;) {
      const asked = this.#deps.clock.monotonic();
      const assignment = await this.#broker.assignment(POOLED_WAIT_SECONDS);
      if (assignment.kind === 'sandbox') return assignment;
      // A broker that does not wait is not asked all the time.
      if (this.#deps.clock.monotonic() - asked < 1000) await sleep(this.#deps.clock, 1000, this.#over.signal);
      if (this.#over.signal.aborted) throw new Error('the Pod ends');
    }
  }

  #take({ image, user, workdir, env }: SandboxAssignment): void {
    this.#defaults = {
      user: user ?? (image.user || '0'),
      workdir: workdir ?? (image.workdir || '/'),
      env: { ...this.#way?.env, ...env },
    };
  }

  /** Nothing of the Sandbox has run yet, and nothing will. */
  async #refuse(): Promise<void> {
    this.#end({ ended: 'PolicyNotEnforced' }, 'the cluster does not enforce the network policy of the Pod');
    await this.#leave();
  }

  #end(ended: SandboxEnded, why: string): void {
    this.#deps.note(why);
    this.#deps.leaveMessage(JSON.stringify(ended));
    this.#ended = ended;
    this.#over.abort();
  }

  #watchIdle({ idleTimeoutSeconds }: SandboxAssignment): void {
    const { clock } = this.#deps;
    const { signal } = this.#over;
    const impatient = sandboxBroker(this.#deps.broker, {
      totalMs: ASK_MS,
      note: this.#deps.note,
      stop: signal,
    });
    this.#idle = new Idle(
      {
        clock,
        isBusy: () => this.#commands.running > 0,
        limit: async () => {
          const assignment = await impatient.assignment().catch(asGone);
          return assignment?.kind === 'sandbox' ? assignment.idleTimeoutSeconds : undefined;
        },
        onIdle: (since) => this.#endIdle(since),
      },
      idleTimeoutSeconds,
    );
  }

  #endIdle(since: number): void {
    const lastActivityTime = new Date(since).toISOString();
    this.#end({ ended: 'Idle', lastActivityTime }, `nobody has used the Sandbox since ${lastActivityTime}`);
  }

  /** Says good-bye to programs, and where it ends the Sandbox itself, ends the container. */
  async #leave(): Promise<void> {
    const { clock } = this.#deps;
    this.#idle?.close();
    this.#commands.close();
    await this.#sessions.dismiss();
    await this.#way?.close();
    if (!this.#ended) return;
    // A pool makes no Pod after Pod where each fails.
    this.#hand.exit(this.#ended.ended === 'Idle' ? 0 : 1);
    await Promise.race([this.#hand.gone, sleep(clock, FAREWELL_MS)]);
  }

  async #untilOver(): Promise<void> {
    const { signal } = this.#over;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  async #unlessOver<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {});
    const ended = this.#untilOver().then(() => {
      throw new Error('the Sandbox has ended');
    });
    return await Promise.race([work, ended]);
  }
}

/** A Sandbox that the broker does not know any more has no limit: its operator ends the Pod. */
function asGone(error: unknown): undefined {
  if (error instanceof HttpFailure && error.status === 404) return undefined;
  throw error;
}
