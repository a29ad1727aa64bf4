import { expect } from 'chai';
import type { Session } from '../../../src/client/index.ts';
import { standingOf } from '../../../src/crds/sandbox-reasons.ts';
import type { Sandbox } from '../../../src/crds/sandbox.ts';
import { becomes, small, userSession } from '../support/sandboxes.ts';
import { world } from '../support/world.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { Sandbox as SandboxKind } from '../../../src/crds/kinds.ts';
import { Pod } from '../../../src/kube/kinds.ts';
import { statusOf } from '../../../src/pods/reading/containers.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';

const at = (time: string | undefined): number => Date.parse(time ?? '') / 1000;

/** When it was suspended, by its own condition; seconds since the epoch. */
const suspendedAt = (sandbox: Sandbox): number => at(standingOf(sandbox)?.lastTransitionTime);

/**
 * Times of the objects, not of this test: no `eventually` and no request of ours is among what is measured. A machine that does other things may
 * still keep an operator or a kubelet from working for a while, so it is the median of five that has to be within two seconds; none may be early.
 */
function expectOnTime(late: number[], most = 2): void {
  process.stdout.write(`      late by ${late.join(', ')} s\n`);
  const [, , median] = late.toSorted((a, b) => a - b);
  expect(Math.min(...late)).to.be.at.least(0);
  expect(median).to.be.at.most(most);
}

/** The end of its container, as the kubelet has it; seconds since the epoch. */
async function stoppedAt({ status }: Sandbox): Promise<number> {
  const { kube, namespace } = world();
  const pod = await kube.get(Pod, { namespace, name: status?.attempts?.at(-1)?.podName ?? '' });
  return at(pod && statusOf(pod, CONTAINERS.task)?.state?.terminated?.finishedAt);
}

describe('the end of a Sandbox', function () {
  this.timeout(240_000);
  let session: Session;
  before(() => (session = userSession()));
  after(() => session.close());

  const five = (name: string): string[] => [1, 2, 3, 4, 5].map((number) => `${name}-${number}`);
  const teardown = (names: string[]) =>
    Promise.all(
      names.map((name) =>
        small(session, name)
          .teardown()
          .catch(() => {}),
      ),
    );

  for (const limit of ['deadline', 'ttlSeconds'] as const)
    it(`comes within two seconds of its ${limit}, and not before`, async () => {
      const names = five(`ends-by-${limit.toLowerCase()}`);
      try {
        const late = names.map(async (name, index) => {
          const seconds = 45 + 2 * index;
          const deadline = new Date(Date.now() + seconds * 1000).toISOString();
          const given = limit === 'deadline' ? { deadline } : { ttlSeconds: seconds };
          await small(session, name, { ...given, expiryAction: 'Suspend' }).init();
          const sandbox = await becomes(name, 'Expired', { seconds: 120 });
          return suspendedAt(sandbox) - at(sandbox.status?.expiresAt);
        });
        expectOnTime(await Promise.all(late));
      } finally {
        await teardown(names);
      }
    });

  it('comes within two seconds of its idle timeout, counted from its last use, and is told once the kubelet has', async () => {
    const names = five('ends-idle');
    const IDLE = 15;
    try {
      const late = names.map(async (name) => {
        const given = { idleTimeoutSeconds: IDLE, expiryAction: 'Suspend' } as const;
        await small(session, name, given).runCommand('true');
        const sandbox = await becomes(name, 'IdleTimeout', { seconds: 120 });
        const due = at(sandbox.status?.lastActivityTime) + IDLE;
        return { stopped: (await stoppedAt(sandbox)) - due, told: suspendedAt(sandbox) - due };
      });
      const all = await Promise.all(late);
      expectOnTime(all.map(({ stopped }) => stopped));
      // The kubelet looks at its containers every second, and may tell of the courier's end after that of the other.
      expectOnTime(
        all.map(({ told }) => told),
        5,
      );
    } finally {
      await teardown(names);
    }
  });

  it('is its deletion where nobody uses it and the spec asks for no other', async () => {
    await small(session, 'goes-idle', { idleTimeoutSeconds: 5 }).runCommand('true');
    const { kube, namespace } = world();
    await eventuallyTrue(
      'it is gone',
      async () => (await kube.get(SandboxKind, { namespace, name: 'goes-idle' })) === undefined,
      90,
    );
  });
});
