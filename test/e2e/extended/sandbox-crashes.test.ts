import { expect } from 'chai';
import type { Session } from '../../../src/client/index.ts';
import { standingOf } from '../../../src/crds/sandbox-reasons.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { smallImage } from '../support/images.ts';
import { podOf, seen, small, userSession } from '../support/sandboxes.ts';
import { world } from '../support/world.ts';

const broken = smallImage(
  'sandbox-broken-entrypoint',
  'FROM debian:bookworm-slim\nENTRYPOINT ["sh", "-c", "echo broken by itself >&2; exit 7"]\n',
);

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
});
