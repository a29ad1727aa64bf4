import { expect } from 'chai';
import { cloudWorld, type CloudWorld } from '../../../../test/support/client/cloud-world.ts';
import { failureOf } from '../../../../test/support/client/world.ts';
import { ACCOUNT, REGION, STACK } from '../../../../test/support/aws/facts.ts';
import { doomed, leftovers, takeAway, type DownWish } from './down.ts';
import { makeAll } from './init.ts';

const BUCKET = `${STACK}-artifacts-${ACCOUNT}-${REGION}`;

describe('sb cloud down', () => {
  let w: CloudWorld;
  beforeEach(async () => void (w = await cloudWorld()));
  afterEach(() => w.close());

  const init = (): Promise<void> => w.with(makeAll);
  const down = (wish: Partial<DownWish> = {}): Promise<void> =>
    w.with(async (installation) =>
      takeAway(installation, await doomed(installation, { force: false, purge: false, ...wish })),
    );
  const listed = (wish: Partial<DownWish> = {}) =>
    w.with((installation) => doomed(installation, { force: false, purge: false, ...wish }));
  const stack = (part: string) => w.formation.stacks.findLast(({ name }) => name === `${STACK}-${part}`);
  const statuses = () => ['artifacts', 'network', 'cluster'].map((part) => stack(part)?.status);
  const DOWN = ['CREATE_COMPLETE', 'DELETE_COMPLETE', 'DELETE_COMPLETE'];

  it('deletes the cluster, then the network, and keeps what holds results', async () => {
    await init();
    await down();
    expect(statuses()).to.deep.equal(DOWN);
    expect(w.things.some(({ physicalId }) => physicalId === BUCKET)).to.equal(true);
    const deleted = w.formation.calls.filter(({ operation }) => operation === 'DeleteStack');
    expect(deleted.map(({ request }) => /stack\/([^/]+)/.exec(JSON.stringify(request))?.[1])).to.deep.equal([
      `${STACK}-cluster`,
      `${STACK}-network`,
    ]);
  });

  it('finds nothing to do the second time', async () => {
    await init();
    await down();
    expect(await listed()).to.deep.equal({ steps: [], kept: [] });
  });

  it('finds nothing to do where nothing ever was', async () => {
    expect(await listed({ purge: true })).to.deep.equal({ steps: [], kept: [] });
  });

  it('brings everything back with what was kept, when init is run again', async () => {
    await init();
    await down();
    await init();
    expect(statuses()).to.deep.equal(['CREATE_COMPLETE', 'CREATE_COMPLETE', 'CREATE_COMPLETE']);
    expect(w.formation.stacks.filter(({ name }) => name.endsWith('artifacts'))).to.have.lengthOf(1);
  });

  it('deletes nothing while Trials run, but with force', async () => {
    await init();
    w.says.running = ['agents/trial'];
    await failureOf(down());
    expect(stack('cluster')?.status).to.equal('CREATE_COMPLETE');
    await down({ force: true });
    expect(statuses()).to.deep.equal(DOWN);
  });

  it('refuses while init makes a stack', async () => {
    const stalled = w.formation.inject({ kind: 'stall', resource: 'Nat' });
    const making = init();
    await stalled.reached;
    const { code } = await failureOf(down());
    expect(code).to.equal('SB-E127');
    stalled.release();
    await making;
  });

  for (const [part, resource] of [
    ['cluster', 'Cluster'],
    ['network', 'Vpc'],
  ] as const)
    it(`refuses an init that comes while the ${part} goes, and which makes all of it again afterwards`, async () => {
      await init();
      const stalled = w.formation.inject({ kind: 'stall', resource, doing: 'delete' });
      const going = down();
      await stalled.reached;
      const { code, why } = await failureOf(init());
      expect([code, why]).to.deep.equal(['SB-E127', 'it is being deleted (DELETE_IN_PROGRESS)']);
      stalled.release();
      await going;
      expect(statuses()).to.deep.equal(DOWN);
      await init();
      expect(statuses()).to.deep.equal(Array(3).fill('CREATE_COMPLETE'));
    });

  it('joins another down, and both succeed', async () => {
    await init();
    await Promise.all([down(), down()]);
    expect(statuses()).to.deep.equal(DOWN);
  });

  it('goes on after the laptop is lost', async () => {
    await init();
    const stalled = w.formation.inject({ kind: 'stall', resource: 'Cluster', doing: 'delete' });
    const first = down().catch((error: Error) => error.message);
    await stalled.reached;
    w.interrupt();
    expect(await first).to.equal('interrupted');
    stalled.release();
    await down();
    expect(statuses()).to.deep.equal(DOWN);
  });

  describe('--purge', () => {
    it('deletes every repository and log group that the stack has made', async () => {
      await init();
      const named = (type: string, kind: string) =>
        w.things.filter((one) => one.type === type).map(({ physicalId }) => `${kind} ${physicalId}`);
      const made = [
        ...named('AWS::ECR::Repository', 'repository'),
        ...named('AWS::Logs::LogGroup', 'log group'),
      ];
      await down({ purge: true });
      expect(made).to.have.lengthOf(9);
      expect(w.purged).to.include.members(made);
    });

    it('lists the bucket with how much it holds, and deletes it with images, logs and the stack', async () => {
      await init();
      w.says.buckets.set(BUCKET, 12);
      const { kept } = await listed({ purge: true });
      expect(kept[0]).to.deep.equal({ kind: 'bucket', name: BUCKET, contents: { count: 12, more: false } });
      await down({ purge: true });
      expect(w.purged).to.include.members([
        `bucket ${BUCKET}`,
        `repository ${STACK}-sandboxes`,
        `repository ${STACK}-tools/buildkit`,
        'log group /sb/eks/logs',
      ]);
      expect(statuses()).to.deep.equal(['DELETE_COMPLETE', 'DELETE_COMPLETE', 'DELETE_COMPLETE']);
    });

    it('deletes nothing of those names once their stack is gone, unless they have our tag', async () => {
      w.says.buckets.set(BUCKET, 1);
      await down({ purge: true });
      expect(w.purged).to.deep.equal([]);
      w.says.tagged = [`arn:aws:s3:::${BUCKET}`];
      await down({ purge: true });
      expect(w.purged).to.deep.equal([`bucket ${BUCKET}`]);
    });
  });

  it('lists what has our tag still, but not what is kept', async () => {
    await init();
    await down();
    const nat = `arn:aws:ec2:${REGION}:${ACCOUNT}:natgateway/nat-1`;
    w.says.tagged = [nat];
    w.says.taggedParts = [`arn:aws:s3:::${BUCKET}`];
    w.says.tagged.push(...w.says.taggedParts);
    expect(await w.with(leftovers)).to.deep.equal([nat]);
  });
});
