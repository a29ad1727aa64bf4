import { expect } from 'chai';
import { join } from 'node:path';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { STACK } from '../../../../test/support/aws/facts.ts';
import { selfSigned } from '../../../../test/support/client/certificate.ts';
import { FAULTS, type FaultWorld } from '../../../../test/support/client/cloud-faults/index.ts';
import { cloudWorld } from '../../../../test/support/client/cloud-world.ts';
import { IMAGES, live } from '../../../../test/support/client/living-cluster.ts';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import { CliError } from '../../failures/error.ts';
import { explain } from '../../failures/explain.ts';
import { clusterPart } from '../cluster/part.ts';
import { doomed, takeAway } from './down.ts';
import { makeAll } from './init.ts';
import type { Installation } from '../installation.ts';

const tls = selfSigned();

describe('sb cloud, where something goes wrong', () => {
  let w: FaultWorld;
  let home: Folder;
  beforeEach(async () => {
    home = await folderOf({});
    const server = await ApiServer.start({ tls });
    w = Object.assign(await cloudWorld({ pageSize: 50 }), { home, server, lives: {} });
    w.env = { HOME: home.path, KUBECONFIG: join(home.path, 'kubeconfig') };
    w.onSleep = () => live(server, w.lives);
    w.says.cluster = { endpoint: server.url, authority: Buffer.from(tls.cert).toString('base64') };
  });
  afterEach(async () => {
    await w.close();
    await w.server.close();
    await home.remove();
  });

  const work = {
    init: makeAll,
    update: makeAll,
    down: async (installation: Installation) =>
      takeAway(installation, await doomed(installation, { force: false, purge: false })),
    purge: async (installation: Installation) =>
      takeAway(installation, await doomed(installation, { force: false, purge: true })),
  };
  const alive = (): string[] =>
    w.formation.stacks.filter(({ deleted }) => !deleted).map(({ name, status }) => `${name} ${status}`);
  const parts = (wanted: readonly string[]): RegExp =>
    new RegExp(`^${wanted.map((part) => `${STACK}-${part} (CREATE|UPDATE)_COMPLETE`).join(',')}$`);
  const END = {
    init: ['artifacts', 'network', 'cluster'],
    update: ['artifacts', 'network', 'cluster'],
    down: ['artifacts'],
    purge: [],
  };

  async function failureOf(running: Promise<void>): Promise<CliError> {
    const error = await running.then(
      () => expect.fail('it should have failed'),
      (thrown: unknown) => explain(thrown),
    );
    expect(error).to.be.instanceOf(CliError);
    return error;
  }

  for (const { what, on = 'init', fault, code, says, wish = {}, after = wish, inside } of FAULTS)
    it(`${on}: ${what}`, async () => {
      const never = () => Promise.reject(new Error('the images are there'));
      const { steps } = clusterPart({ version: '1.2.3', operator: never, open: never }, IMAGES);
      if (inside) w.says.inside = steps.filter(({ name }) => name !== 'images');
      if (on !== 'init') await w.with(makeAll);
      const mend = await fault(w);
      const failure = await failureOf(w.with(work[on], wish));
      const said = [failure.what, failure.why, failure.fix];
      expect([failure.code, said.join('\n')], said.join('\n')).to.satisfy(
        ([given, text = '']: string[]) => given === code && says.test(text),
      );
      expect(said, 'each of the lines').to.not.include('');
      await mend?.();
      await w.with(work[on], after);
      expect(alive().join(',')).to.match(parts(END[on]));
      const names = w.things.map(
        ({ type, physicalId }) => `${type} ${physicalId.replace(/-[0-9a-f-]{12}$/, '')}`,
      );
      const planned = w.formation.stacks.filter(({ deleted }) => !deleted).flatMap((one) => one.changeSets);
      expect(planned.filter(({ execution }) => execution === 'AVAILABLE')).to.deep.equal([]);
      expect(names, 'nothing twice').to.deep.equal([...new Set(names)]);
    });

  it('is said of forty faults and more', () => {
    const named = FAULTS.map(({ on = 'init', what }) => `${on}: ${what}`);
    expect(new Set(named).size).to.equal(named.length).and.to.be.greaterThan(40);
  });
});
