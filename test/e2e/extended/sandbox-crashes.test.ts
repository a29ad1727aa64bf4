import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../../../src/client/index.ts';
import type { Condition } from '../../../src/crds/conditions.ts';
import { Sandbox as SandboxKind } from '../../../src/crds/kinds.ts';
import { standingOf } from '../../../src/crds/sandbox-reasons.ts';
import { Caches } from '../../../src/kube/cache/caches.ts';
import { statusOf } from '../../../src/pods/reading/containers.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { recordingLog } from '../../support/kube.ts';
import { killContainer } from '../support/faults.ts';
import { smallImage } from '../support/images.ts';
import { becomes, commandSurvives, podOf, seen, small, userSession } from '../support/sandboxes.ts';
import { world } from '../support/world.ts';

const broken = smallImage(
  'sandbox-broken-entrypoint',
  'FROM debian:bookworm-slim\nENTRYPOINT ["sh", "-c", "echo broken by itself >&2; exit 7"]\n',
);

/** How a Sandbox stands, each time that a watch says something new. */
async function standings({ kubeParts, namespace }: Session, name: string) {
  const told: Condition[] = [];
  const over = new AbortController();
  const caches = new Caches({ ...kubeParts, log: recordingLog() });
  caches.watch(SandboxKind, { namespace, fieldSelector: `metadata.name=${name}` }).subscribe((change) => {
    const standing = standingOf(change.object);
    if (standing && standing.reason !== told.at(-1)?.reason) told.push(standing);
  });
  caches.start(over.signal);
  await caches.whenSynced();
  return { told, stop: () => over.abort() };
}

/** Kills the courier whenever it runs, until `enough`. */
async function crash(name: string, enough: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!enough() && Date.now() < end) {
    const pod = await podOf(name);
    if (statusOf(pod, CONTAINERS.courier)?.state?.running)
      // The kubelet may not have said yet that this one is gone.
      await killContainer(pod, CONTAINERS.courier).catch(() => {});
    await sleep(200);
  }
}

describe('a Sandbox', function () {
  this.timeout(240_000);
  let session: Session;
  before(() => (session = userSession()));
  after(() => session.close());

  it('is Ready where the image’s own program ends at once, and its logs say what and how', async () => {
    await broken.ensure();
    await using sandbox = small(session, 'broken-entrypoint', { image: broken.reference });
    expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
    const { name } = (await podOf('broken-entrypoint')).metadata;
    const log = (container: string): Promise<string> =>
      kubectlOk(['logs', name, '-n', world().namespace, '-c', container]);
    await eventuallyTrue(
      'the courier’s log says how it ended',
      async () => (await log(CONTAINERS.courier)).includes("the image's entrypoint has ended: exit code 7"),
      30,
    );
    expect(await log(CONTAINERS.task)).to.contain('broken by itself');
    expect(standingOf((await seen('broken-entrypoint'))!)).to.include({ type: 'Ready', status: 'True' });
  });

  it('says OOMKilled once its container has been killed for its memory, and says nothing else before', async () => {
    await using sandbox = await small(session, 'hoarding').init();
    const { told, stop } = await standings(session, 'hoarding');
    try {
      const pod = await podOf('hoarding');
      // Where the kernel kills all of the container, it ends here; where it kills one process, its end is told as one for memory from then on.
      await sandbox.runCommand('tail /dev/zero').catch(() => {});
      await killContainer(pod, CONTAINERS.task).catch(() => {});
      await becomes('hoarding', 'OOMKilled');
      expect(told.map(({ reason }) => reason)).to.deep.equal(['Ready', 'OOMKilled']);
    } finally {
      stop();
    }
  });

  it('says so while its courier crashes again and again, is Ready once that has passed, and loses nothing of a command', async () => {
    await using sandbox = await small(session, 'crashing').init();
    const { told, stop } = await standings(session, 'crashing');
    try {
      const isCrashing = (): boolean => told.some(({ reason }) => reason === 'CrashLoopBackOff');
      await commandSurvives(sandbox, async () => {
        await crash('crashing', isCrashing);
        await becomes('crashing', 'Ready');
      });
      const crashing = told.find(({ reason }) => reason === 'CrashLoopBackOff');
      expect(crashing).to.include({ type: 'Ready', status: 'False' });
      expect(crashing?.message).to.match(/^container courier ended with exit code 137 /);
      expect([...new Set(told.map(({ reason }) => reason))]).to.deep.equal(['Ready', 'CrashLoopBackOff']);
      expect(told.at(-1)).to.include({ reason: 'Ready', status: 'True' });
    } finally {
      stop();
    }
  });
});
