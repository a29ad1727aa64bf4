/** An operator whose connection to the API server fails, while it does not: whatever is wrong, nothing is lost and nothing done twice. */
import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import type { Trial } from '../../src/crds/trial.ts';
import type { SeenRequest } from '../support/api-server.ts';
import { until } from '../support/kube.ts';
import type { Fate } from '../support/kubelet/fate.ts';
import { Wire } from '../support/wire.ts';
import { breaches } from './invariants.ts';
import { World } from './world.ts';

const HASTE = 50;
/** Longer than an operator waits for one answer, and than its lease. */
const FAULT_MS = 3000;
const PATIENCE_MS = 2000;
const MANY = 30;
const SOME = 10;
/** Of the operator's time. */
const LATENCY_MS = 5000;

interface At {
  world: World;
  wire: Wire;
}

/** The lease has a budget of its own at a real API server. */
const isOfWork = ({ path }: SeenRequest): boolean => !path.includes('/leases');

/** Every request for its work is refused, for so long. */
async function storm({ server }: World, status: number, on: (seen: SeenRequest) => boolean): Promise<void> {
  let refused = 0;
  const counted = (seen: SeenRequest): boolean => isOfWork(seen) && on(seen) && ++refused > 0;
  const fault = { kind: 'status', status, ...(status === 429 && { retryAfterSeconds: 1 }) } as const;
  server.faults.add({ on: counted, fault, times: Infinity });
  await wait(FAULT_MS);
  server.faults.clear();
  expect(refused).to.be.above(0);
}

const FAULTS: Record<string, (at: At) => Promise<void>> = {
  'a black hole, out of which all comes late': async ({ world, wire }) => {
    wire.hold();
    await wait(FAULT_MS);
    wire.open();
    expect(world.log.lines.map(({ message }) => message)).to.include('lost leadership');
  },
  'connections that are half open': async ({ wire }) => wire.forget(),
  'connections that are half open, again and again': async ({ wire }) => {
    for (let times = 0; times < 5; times++) {
      wire.forget();
      await wait(FAULT_MS / 5);
    }
  },
  'a history that is gone': async ({ world, wire }) => {
    wire.forget();
    // It cannot have ended. Of one that does in this very moment, where nobody leads who could hear of it, its result.json alone knows, and `sb run reindex`.
    world.remove(`many-${MANY - 1}`);
    world.server.compact();
  },
  'a storm of 429': ({ world }) => storm(world, 429, () => true),
  'a storm of 409': ({ world }) => storm(world, 409, ({ method }) => method !== 'GET'),
  'a latency of 5 s': async ({ wire }) => {
    wire.delay(LATENCY_MS / HASTE);
    await wait(FAULT_MS);
    wire.delay(0);
  },
};

/** Some Pods go, and their Trials need a second attempt. */
const fate = ({ metadata }: Trial, attempt: number): Fate =>
  attempt === 1 && metadata.name.endsWith('5') ? { kind: 'deleted' } : { kind: 'rewarded' };

describe('an operator whose connection to the API server fails', function () {
  this.timeout(180_000);
  let world: World;
  let wire: Wire;
  beforeEach(async () => {
    world = await World.start({
      haste: HASTE,
      fate,
      reaching: () => ({
        kubeConfig: world.server.kubeConfig({ server: wire.url }),
        requestTimeoutMs: PATIENCE_MS,
      }),
    });
    wire = await Wire.start(world.server.url);
  });
  afterEach(async () => {
    await world.close();
    await wire.close();
  });

  const apply = (prefix: string, count: number): void => {
    for (let index = 0; index < count; index++) world.apply(`${prefix}-${index}`);
  };

  for (const [name, disturb] of Object.entries(FAULTS))
    it(`loses nothing and makes no Job twice: ${name}`, async () => {
      apply('many', MANY);
      await world.startOperator();
      await until('it is in the middle of them', () => world.kubelet.jobs >= MANY / 3);
      const disturbed = disturb({ world, wire });
      apply('during', SOME);
      await disturbed;
      apply('after', SOME);
      await world.rest(20_000);
      expect(await breaches(world)).to.deep.equal([]);
    });
});
