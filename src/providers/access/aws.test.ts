import { expect } from 'chai';
import { startEks, type EksService } from '../../../test/support/eks/index.ts';
import { KEY, PLACE, startUpstream } from '../../../test/support/eks/testing.ts';
import { ProviderError } from '../errors.ts';
import { eksAccess } from './aws.ts';
import type { ClusterAccess } from './port.ts';

const NAME = 'abundant-sb';
const ADA = 'arn:aws:iam::123456789012:role/research/ada';

describe('access to an EKS cluster', () => {
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let eks: EksService;
  let access: ClusterAccess;
  const of = (cluster: string) =>
    eksAccess({ region: 'us-east-1', cluster, credentials: KEY, endpoint: eks.url });

  beforeEach(async () => {
    upstream = await startUpstream();
    const arn = 'arn:aws:sts::123456789012:assumed-role/admin/laptop';
    eks = await startEks({ ...PLACE, credentials: [{ ...KEY, arn }], upstream: upstream.upstream });
    const roleArn = 'arn:aws:iam::123456789012:role/cluster';
    (await eks.create({ name: NAME, version: '1.35', roleArn, tags: {}, declared: {} })).status = 'ACTIVE';
    access = of(NAME);
  });
  afterEach(async () => {
    await eks.close();
    upstream.close();
  });

  it('is granted, seen and taken back, each as often as one likes', async () => {
    for (let time = 0; time < 2; time++)
      expect(await access.grant(ADA, ['sb:researcher:ada'])).to.equal('granted');
    expect(await access.groupsOf(ADA)).to.deep.equal(['sb:researcher:ada']);
    for (let time = 0; time < 2; time++) await access.revoke(ADA);
    expect(await access.groupsOf(ADA)).to.equal(undefined);
  });

  it('is left as it is where the role is let in as something else', async () => {
    await access.grant(ADA, ['admins']);
    expect(await access.grant(ADA, ['sb:researcher:ada'])).to.equal('taken');
    expect(await access.groupsOf(ADA)).to.deep.equal(['admins']);
  });

  it('fails where there is no such cluster, and not as if nobody were let in', async () => {
    const other = of('other');
    for (const call of [() => other.groupsOf(ADA), () => other.revoke(ADA)]) {
      const error = await call().catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(ProviderError).with.property('reason', 'NotFound');
    }
  });
});
