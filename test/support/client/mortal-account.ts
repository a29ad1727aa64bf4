/** `sb cloud` as a process that dies at a call of the account: CloudFormation's over HTTP, the others at their port. AWS goes on with what it has begun. */
import type { Installation } from '../../../src/client/cloud/installation.ts';
import { cloudFormation } from '../../../src/providers/stacks/cloudformation.ts';
import { mortalFront } from '../mortal-front.ts';
import { REGION } from '../aws/facts.ts';
import type { CloudWorld } from './cloud-world.ts';

/** `before`: the call was never made. `after`: it took effect, and nobody read the answer. */
export interface Death {
  /** Counts from 1, of those calls that count. */
  at: number;
  when: 'before' | 'after';
  counts: (call: string) => boolean;
}

class Killed extends Error {}

export class Life {
  readonly #death: Death | undefined;
  readonly #killed = Promise.withResolvers<void>();
  #calls = 0;
  #dead = false;
  /** The call at which it died: `DescribeStacks`. */
  end = '';

  constructor(death?: Death) {
    this.#death = death;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Resolves at the death. */
  get died(): Promise<void> {
    return this.#killed.promise;
  }

  /** What the process sees of this: every method is a call. */
  view<P extends object>(outside: P): P {
    return new Proxy(outside, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) =>
          this.#call(
            calledIn(String(name), args),
            async () => (await Reflect.apply(member, target, args)) as unknown,
          );
      },
    });
  }

  async #call(name: string, make: () => Promise<unknown>): Promise<unknown> {
    this.#expectAlive();
    if (this.#endsAt(name)) {
      this.end = name;
      if (this.#death?.when === 'after') await make().catch(() => {});
      this.#dead = true;
      this.#killed.resolve();
    }
    this.#expectAlive();
    const answer = await make();
    this.#expectAlive();
    return answer;
  }

  #endsAt(name: string): boolean {
    if (!this.#death?.counts(name)) return false;
    this.#calls += 1;
    return this.#calls === this.#death.at;
  }

  #expectAlive(): void {
    if (this.#dead) throw new Killed();
  }
}

/** Of a request of the query protocol, its action. */
function calledIn(method: string, [message]: readonly unknown[]): string {
  const { body } = (message ?? {}) as { body?: unknown };
  return Buffer.isBuffer(body) ? (new URLSearchParams(body.toString()).get('Action') ?? method) : method;
}

const PAUSE_MS = 2;
const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(ms, PAUSE_MS)));

/** Does something as a process that dies there. Rejects where it fails of its own. */
export async function live(
  world: CloudWorld,
  work: (installation: Installation) => Promise<void>,
  death?: Death,
): Promise<Life> {
  const life = new Life(death);
  const front = await mortalFront(life, world.formation.url);
  const { credentials } = world.says;
  const run = world.with(work, {}, (ports) => ({
    ...ports,
    account: life.view(ports.account),
    stacks: cloudFormation({ region: REGION, endpoint: front.url, credentials, sleep }),
    purge: async (of) => life.view(await ports.purge(of)),
  }));
  try {
    await Promise.race([run, life.died]);
  } catch (error) {
    // It may see its own death as a failure.
    if (!life.dead) throw error;
  } finally {
    // Who waits for something is gone with the rest.
    if (life.dead) world.interrupt();
    await front.close();
  }
  return life;
}
