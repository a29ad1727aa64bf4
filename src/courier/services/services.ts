/**
 * The services of a Trial, as Compose has them: each begins when those that it depends on are where it wants them, is started again where its
 * policy says so, and is up once its healthcheck passes. They live until the agent's container is left, or until the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AssignedDependency, AssignedRestart } from '../../wire/assignment.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import { AttemptFailure, explain } from '../failure.ts';
import { HandGone, type Ended, type Hand } from '../hand/hand.ts';
import { exitText, interpreterMissing } from '../phases/agent.ts';
import { awaitHealthy, type Probe } from '../phases/healthcheck.ts';
import { placeCopies } from './copies.ts';
import type { Service } from './service.ts';

/** Where a service lives. */
export interface Home {
  hand: Hand;
  /** Its /logs, as the courier has it. */
  logs: string;
}

export interface ServicesDeps {
  /** Of main, and of the others by the names of their containers. */
  homes: { main: Home; beside: ReadonlyMap<string, Home> };
  /** The task's folder. */
  folder: string;
  note: (line: string) => void;
  stop: AbortSignal;
}

/** Docker's pauses between two starts. */
const PAUSE_MS = 100;
const PAUSE_MAX_MS = 60_000;

/** How far one of them has come. All reject with AttemptFailure where it never gets there. */
interface Life {
  begun: Promise<void>;
  /** As healthy as it is asked to be. */
  up: Promise<void>;
  /** With exit code 0. */
  completed: Promise<void>;
}

export class Services {
  readonly #services: readonly Service[];
  readonly #deps: ServicesDeps;
  readonly #lives = new Map<string, Life>();
  /** Nothing is started again any more. */
  #isOver = false;

  constructor(services: readonly Service[], deps: ServicesDeps) {
    this.#services = services;
    this.#deps = deps;
  }

  /** Resolves when all are up. Throws HealthcheckFailed where one is not, and TaskInvalid where one cannot begin. */
  async begin(): Promise<void> {
    for (const service of this.#services) this.#lives.set(service.name, this.#life(service));
    await Promise.all([...this.#lives.values()].map(({ up }) => up));
    this.#deps.note(`${this.#services.length} services are up`);
  }

  /** A service and where it lives; undefined for one that is not there. */
  find(name: string): (Home & Pick<Service, 'user' | 'workdir'>) | undefined {
    const service = this.#services.find((one) => one.name === name);
    return service && { ...this.#homeOf(service), user: service.user, workdir: service.workdir };
  }

  /** Halts all but main until `goOn`. */
  async halt(): Promise<void> {
    await this.#each((hand) => hand.halt());
  }

  /** Lets them go on, without the copies of what a step has kept of them. */
  async goOn(): Promise<void> {
    await this.#each((hand) => hand.empty([POD_PATHS.logs]));
    await this.#each((hand) => hand.resume());
  }

  /** Ends what runs in all but main. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#each((hand) => hand.freeze());
  }

  async #each(work: (hand: Hand) => Promise<boolean>): Promise<void> {
    const { note } = this.#deps;
    const beside = this.#services.filter(({ container }) => container !== undefined);
    await Promise.all(
      beside.map(async (service) => {
        const { hand } = this.#homeOf(service);
        // One that has ended by itself is at rest.
        if (hand.isGone()) return;
        await work(hand).catch((error: unknown) => note(`service ${service.name}: ${explain(error)}`));
      }),
    );
  }

  #homeOf({ name, container }: Pick<Service, 'name' | 'container'>): Home {
    const { main, beside } = this.#deps.homes;
    const home = container === undefined ? main : beside.get(container);
    if (!home) throw new Error(`the Pod has no container of the service ${name}`);
    return home;
  }

  #life(service: Service): Life {
    let ended: Promise<Ended> | undefined;
    const begun = this.#ready(service).then(() => {
      ended = this.#live(service);
      ended.catch(() => {});
    });
    const over = begun.then(() => ended ?? NEVER);
    const life: Life = {
      begun,
      up: begun.then(() => this.#whenUp(service, over)),
      completed: over.then((end) => demandSuccess(service, end)),
    };
    // Who waits for none of them hears of it by another one.
    for (const one of [over, ...Object.values(life)]) (one as Promise<unknown>).catch(() => {});
    return life;
  }

  /** Waits for its container, and for what it depends on; and puts its files there. */
  async #ready(service: Service): Promise<void> {
    const { hand } = this.#homeOf(service);
    const others = service.dependsOn.map((dependency) => this.#dependency(dependency));
    await Promise.all([...others, service.container === undefined ? undefined : hand.ready()]);
    await placeCopies(service, hand, this.#deps.folder);
  }

  async #dependency({ service, condition }: AssignedDependency): Promise<void> {
    const life = this.#lives.get(service);
    if (condition === 'service_healthy') await life?.up;
    else if (condition === 'service_completed_successfully') await life?.completed;
    else await life?.begun;
  }

  /** Runs its command to its end, again and again where its policy says so. */
  async #live(service: Service): Promise<Ended> {
    const { command, name, restart } = service;
    const { hand } = this.#homeOf(service);
    if (!command) return await NEVER;
    this.#deps.note(`service ${name}: ${command.argv[0]}`);
    for (let starts = 1, pauseMs = PAUSE_MS; ; starts += 1, pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
      const end = await hand.run(command);
      if (end.kind === 'refused' || this.#isOver || !isToRestart(restart, end.code, starts)) return end;
      this.#deps.note(`service ${name} ended with ${exitText(end.code)} and is started again`);
      await sleep(pauseMs, undefined, { signal: this.#deps.stop });
    }
  }

  /** Rejects for one that ends before it is up; one without a healthcheck may end well. */
  async #whenUp(service: Service, over: Promise<Ended>): Promise<void> {
    const { healthcheck, name } = service;
    const { note, stop } = this.#deps;
    const { hand } = this.#homeOf(service);
    const early = over.then(
      (end) => demandSuccess(service, end),
      (error: unknown) => {
        if (error instanceof HandGone) throw failed(`service ${name}: its container ended before it was up`);
        throw error;
      },
    );
    if (!healthcheck) return await Promise.race([early, sleep(SETTLED_MS, undefined, { ref: false })]);
    const telling = (line: string): void => note(`service ${name}: ${line}`);
    const gone = early.then(() => {
      throw failed(`service ${name} ended before it was healthy`);
    });
    gone.catch(() => {});
    await Promise.race([gone, awaitHealthy(soon(healthcheck), { hand, note: telling, stop })]).catch(
      (error: unknown) => {
        if (!(error instanceof AttemptFailure) || error.message.startsWith('service ')) throw error;
        throw failed(`service ${name}: ${error.message}`);
      },
    );
  }
}

/** Pure: Docker tries for the first time after one interval. Here that happens sooner, but no failure counts before. */
export const soon = (probe: Probe): Probe => ({
  ...probe,
  startPeriodSeconds: Math.max(probe.startPeriodSeconds, probe.intervalSeconds),
  startIntervalSeconds: Math.min(probe.startIntervalSeconds, probe.intervalSeconds),
});

const NEVER = new Promise<never>(() => {});

/** So long a service without a healthcheck has to live, or end well: what cannot begin at all ends sooner. */
const SETTLED_MS = 500;

const failed = (message: string): AttemptFailure =>
  new AttemptFailure('HealthcheckFailed', message, { type: 'HealthcheckError' });

function demandSuccess({ name, command }: Service, end: Ended): void {
  if (end.kind === 'exited' && end.code === 0) return;
  if (end.kind === 'exited') throw failed(`service ${name} ended with ${exitText(end.code)}`);
  const what =
    end.refusal === 'interpreter' && command ? interpreterMissing(command) : `no such ${end.refusal}`;
  throw new AttemptFailure('TaskInvalid', `service ${name} cannot begin: ${what}`);
}

/** Pure. `starts`: how often it has begun. */
export function isToRestart(restart: AssignedRestart, code: number, starts: number): boolean {
  if (restart.when === 'always') return true;
  if (restart.when === 'never' || code === 0) return false;
  return starts <= (restart.tries ?? Number.POSITIVE_INFINITY);
}
