import { expect } from 'chai';
import { join } from 'node:path';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { ACCOUNT, REGION } from '../../../../test/support/aws/facts.ts';
import { selfSigned } from '../../../../test/support/client/certificate.ts';
import { cloudWorld, type CloudWorld } from '../../../../test/support/client/cloud-world.ts';
import {
  CRD,
  DAEMON_SET,
  STATEFUL_SET,
  IMAGES,
  live,
  POOL,
  put,
  SERVICE,
} from '../../../../test/support/client/living-cluster.ts';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import { Namespace, PersistentVolumeClaim } from '../../../kube/kinds.ts';
import { clusterPart } from '../cluster/part.ts';
import { doomed, takeAway } from './down.ts';
import { makeAll, survey } from './init.ts';

const tls = selfSigned();

describe('sb cloud in a cluster of the user’s', () => {
  let w: CloudWorld;
  let server: ApiServer;
  let home: Folder;
  beforeEach(async () => {
    w = await cloudWorld({ pageSize: 50 });
    server = await ApiServer.start({ tls });
    home = await folderOf({});
    w.env = { HOME: home.path, KUBECONFIG: join(home.path, 'kubeconfig') };
    const never = () => Promise.reject(new Error('the images are there'));
    const { steps } = clusterPart({ version: '1.2.3', operator: never, open: never }, IMAGES);
    w.says.inside = steps.filter(({ name }) => name !== 'images');
    w.onSleep = () => live(server);
    const shared = { status: 'ACTIVE', version: '1.35', endpoint: server.url, tags: {} };
    const arn = `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/theirs`;
    const authority = Buffer.from(tls.cert).toString('base64');
    const network = { vpc: 'vpc-1', subnets: ['subnet-1', 'subnet-2'] };
    w.says.clusters = [{ ...shared, ...network, name: 'theirs', arn, authority, autoMode: true }];
    put(server, SERVICE, { metadata: { namespace: 'web', name: 'lb' }, spec: { type: 'LoadBalancer' } });
    put(server, PersistentVolumeClaim, { metadata: { namespace: 'web', name: 'disk' } });
    // As docs/aws-nodes.md has people call theirs, and as Fluent Bit's own chart is installed.
    for (const name of ['theirs', 'sb-trials']) put(server, POOL, { metadata: { name } });
    put(server, Namespace, { metadata: { name: 'logging' } });
    put(server, DAEMON_SET, { metadata: { namespace: 'logging', name: 'fluent-bit' }, spec: { of: 'them' } });
  });
  afterEach(async () => {
    await w.close();
    await server.close();
    await home.remove();
  });

  const names = (kind: typeof POOL): string[] => [...server.collection(kind).objects.keys()];

  it('is made whole, without nodes of ours', async () => {
    await w.with(makeAll, { cluster: 'theirs' });
    const found = await w.with(survey);
    expect(found.map(({ step, state }) => `${step.name} ${state}`)).to.deep.equal([
      'stack artifacts there',
      'stack cluster there',
      'kubeconfig there',
      'operator there',
      'nodes there',
      'logs there',
    ]);
    expect(names(POOL)).to.deep.equal(['/theirs', '/sb-trials']);
  });

  it('takes away what is ours, and nothing of anybody else’s', async () => {
    const shipper = structuredClone(server.collection(DAEMON_SET).objects.get('logging/fluent-bit'));
    await w.with(makeAll, { cluster: 'theirs' });
    const shown = await w.with(async (installation) => {
      const found = await doomed(installation, { force: false, purge: false });
      await takeAway(installation, found);
      return found.steps.flatMap(({ shows }) => shows);
    });
    expect(shown.filter((line) => /NodePool|EKS cluster/.test(line))).to.deep.equal([]);
    expect([names(SERVICE), names(PersistentVolumeClaim), names(POOL)]).to.deep.equal([
      ['web/lb'],
      ['web/disk'],
      ['/theirs', '/sb-trials'],
    ]);
    expect([names(STATEFUL_SET), names(CRD)]).to.deep.equal([[], []]);
    expect([...server.collection(DAEMON_SET).objects.values()]).to.deep.equal([shipper]);
    // Others may have something in it.
    expect(names(Namespace)).to.deep.equal(['/logging', '/agents']);
  });
});
