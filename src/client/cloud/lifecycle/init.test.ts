import { expect } from 'chai';
import { cloudWorld, type CloudWorld } from '../../../../test/support/client/cloud-world.ts';
import { failureOf } from '../../../../test/support/client/world.ts';
import { eventuallyTrue } from '../../../../test/support/eventually.ts';
import { STACK } from '../../../../test/support/aws/facts.ts';
import { awsValues } from '../../../installation/aws/values.ts';
import { STACKS } from '../../../installation/aws/stacks/stacks.ts';
import type { Cluster } from '../../../providers/account/port.ts';
import { makeAll, preview, survey } from './init.ts';

const RESOURCES = Object.values(STACKS).flatMap(({ Resources }) =>
  Object.values(Resources as Record<string, { Condition?: string }>).filter(
    ({ Condition }) => Condition === undefined || Condition === 'HasZoneC',
  ),
).length;

describe('sb cloud init', () => {
  let w: CloudWorld;
  beforeEach(async () => void (w = await cloudWorld()));
  afterEach(() => w.close());

  const init = (): Promise<void> => w.with(makeAll);
  const stack = (part: string) => w.formation.stacks.findLast(({ name }) => name === `${STACK}-${part}`);
  const operations = (name: string) => w.formation.calls.filter(({ operation }) => operation === name);
  const statuses = () => ['artifacts', 'network', 'cluster'].map((part) => stack(part)?.status);
  const ALL_MADE = ['CREATE_COMPLETE', 'CREATE_COMPLETE', 'CREATE_COMPLETE'];

  it('makes all three stacks from nothing, each with our tags, and protects what holds results', async () => {
    await init();
    expect(statuses()).to.deep.equal(ALL_MADE);
    expect(w.things).to.have.lengthOf(RESOURCES);
    expect(stack('artifacts')?.isProtected).to.equal(true);
    expect(stack('cluster')?.isProtected).to.equal(false);
    expect(stack('network')?.desired.tags).to.deep.include({ Key: 'sb:stack', Value: STACK });
  });

  it('hands the network’s subnets and the caller’s role to the cluster', async () => {
    w.says.arn = 'arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_admin/jane';
    await init();
    const { SubnetIds = '', AdminArn } = stack('cluster')?.desired.parameters ?? {};
    expect(SubnetIds.split(',')).to.have.lengthOf(3);
    expect(AdminArn).to.equal('arn:aws:iam::123456789012:role/with/path/AWSReservedSSO_admin');
  });

  it('lets the operator ask for the bill where a variable says so, and tells it', async () => {
    w.env['SB_BUDGET_CORRECTION'] = 'CostExplorer';
    await init();
    expect(w.things).to.have.lengthOf(RESOURCES + 1);
    const outputs = Object.fromEntries(
      (stack('artifacts')?.outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
    );
    const made = {
      version: '1',
      stack: STACK,
      region: 'us-east-1',
      image: 'i',
      buildKit: 'b',
      autoMode: true,
    };
    const { settings } = awsValues({ ...made, outputs });
    expect(settings).to.include({ SB_BUDGET_CORRECTION: 'CostExplorer' });
  });

  it('changes nothing the second time, and says that everything is there', async () => {
    await init();
    w.formation.calls.length = 0;
    const found = await w.with(survey);
    expect(found.map(({ state }) => state)).to.deep.equal(['there', 'there', 'there']);
    await init();
    expect(operations('CreateChangeSet')).to.have.lengthOf(0);
  });

  it('keeps zones where they are when AWS names others', async () => {
    await init();
    w.says.zones = ['us-east-1d', 'us-east-1e', 'us-east-1f'];
    expect((await w.with(survey)).map(({ state }) => state)).to.deep.equal(['there', 'there', 'there']);
  });

  it('shows every event once, in order, though pages are short', async () => {
    await init();
    const events = w.formation.stacks.flatMap(({ name, events: all }) =>
      all
        .filter(({ ResourceStatus }) => ResourceStatus !== 'REVIEW_IN_PROGRESS')
        .map(({ LogicalResourceId, ResourceStatus }) =>
          LogicalResourceId === name ? `stack: ${ResourceStatus}` : `${LogicalResourceId} ${ResourceStatus}`,
        ),
    );
    const shown = w.said.flatMap((line) => {
      const [, resource, whole] = /^\S+ (?:(\S+) \(\S+\)|(stack)): [A-Z_]+/.exec(line) ?? [];
      const status = /: ([A-Z_]+)/.exec(line)?.[1];
      if (resource === undefined && whole === undefined) return [];
      return [whole ? `stack: ${status}` : `${resource} ${status}`];
    });
    expect(shown).to.deep.equal(events);
  });

  it('has the events of a look in their order, though others come in between its pages', async () => {
    await init();
    const { id, events } = w.formation.stacks[0]!;
    for (const more of [2, 7, 20]) {
      const reading = w.with(({ ports }) => ports.stacks.events(id, events[0]!.EventId));
      const held = w.formation.inject({ kind: 'hold', operation: 'DescribeStackEvents', when: 'after' });
      await held.reached;
      const known = events.map(({ EventId }) => EventId).slice(1);
      events.push(
        ...events.slice(0, more).map((event) => ({ ...event, EventId: `${event.EventId}-${more}` })),
      );
      held.release();
      expect((await reading).map((event) => event.id)).to.deep.equal(known);
    }
  });

  it('makes no network in a VPC of the user’s, and does not make one later without being told', async () => {
    w.says.subnets = ['a', 'b'].map((zone, index) => ({
      id: `subnet-0000000${index}`,
      zone,
      public: false,
      internal: true,
    }));
    await w.with(makeAll, { vpc: 'vpc-00000000' });
    await init();
    expect(statuses()).to.deep.equal(['CREATE_COMPLETE', undefined, 'CREATE_COMPLETE']);
    expect(stack('cluster')?.desired.parameters['SubnetIds']).to.equal('subnet-00000000,subnet-00000001');
  });

  it('makes roles in a cluster of the user’s and neither cluster nor network, and remembers whose it is', async () => {
    w.says.clusters = [clusterOf('theirs')];
    await w.with(makeAll, { cluster: 'theirs' });
    await init();
    expect(statuses()).to.deep.equal(['CREATE_COMPLETE', undefined, 'CREATE_COMPLETE']);
    expect(w.things.filter(({ type }) => type === 'AWS::EKS::Cluster')).to.deep.equal([]);
    expect(await w.with(({ context }) => context.cluster())).to.include({ name: 'theirs' });
    const trust = w.things.find(
      ({ type, physicalId }) => type === 'AWS::IAM::Role' && /Operator/.test(physicalId),
    );
    expect(JSON.stringify(trust?.properties)).to.contain('"aws:RequestTag/eks-cluster-name":"theirs"');
  });

  for (const [adminRole, why] of [
    ['admin', /is no ARN/],
    ['arn:aws:sts::123456789012:assumed-role/admin/jane', /is no ARN/],
  ] as const)
    it(`refuses ${adminRole} as admin before it asks AWS anything`, async () => {
      expect((await failureOf(w.with(makeAll, { adminRole }))).why).to.match(why);
      expect(w.formation.calls).to.have.lengthOf(0);
    });

  for (const [wish, why] of [
    [{ gpus: 0 }, /^0 is not between 1 and 1000/],
    [{ gpus: 1001 }, /^1001 is not between 1 and 1000/],
    [{ gpus: 4, cluster: 'theirs' }, /no nodes for sb in a cluster of yours/],
  ] as const)
    it(`refuses ${JSON.stringify(wish)} before it asks AWS anything`, async () => {
      const failure = await failureOf(w.with(makeAll, wish));
      expect(failure.what).to.equal('cannot use --gpus');
      expect(failure.why).to.match(why);
      expect(w.formation.calls).to.have.lengthOf(0);
    });

  describe('where a resource fails', () => {
    it('leaves nothing behind', async () => {
      w.formation.inject({ kind: 'fail', resource: 'NatAddress', reason: 'oh' });
      await failureOf(init());
      expect(stack('network')?.status).to.equal('DELETE_COMPLETE');
      expect(w.things.filter(({ type }) => type === 'AWS::EC2::VPC')).to.have.lengthOf(0);
      await init();
      expect(statuses()).to.deep.equal(ALL_MADE);
      expect(w.things).to.have.lengthOf(RESOURCES);
    });

    it('leaves nothing retained in the way of the next try', async () => {
      w.formation.inject({ kind: 'fail', resource: 'Project', reason: 'oh' });
      await failureOf(init());
      expect(w.things.map(({ physicalId }) => physicalId)).to.deep.equal([]);
      await init();
      expect(statuses()).to.deep.equal(ALL_MADE);
    });
  });

  describe('where AWS does not answer', () => {
    for (const kind of ['throttle', 'internal', 'unavailable'] as const)
      it(`tries again what passes: ${kind}`, async () => {
        for (const operation of ['CreateChangeSet', 'DescribeStackEvents', 'DescribeStacks'] as const)
          w.formation.inject({ kind, operation, times: 2 });
        await init();
        expect(statuses()).to.deep.equal(ALL_MADE);
      });

    for (const operation of ['CreateChangeSet', 'ExecuteChangeSet', 'UpdateTerminationProtection'] as const)
      it(`makes nothing twice when the answer to ${operation} is lost`, async () => {
        w.formation.inject({ kind: 'loseResponse', operation });
        await init();
        expect(statuses()).to.deep.equal(ALL_MADE);
        expect(w.things).to.have.lengthOf(RESOURCES);
      });
  });

  describe('where something else is at work', () => {
    it('attaches to another init, and both succeed', async () => {
      await Promise.all([init(), init()]);
      expect(statuses()).to.deep.equal(ALL_MADE);
      expect(w.formation.stacks.filter(({ status }) => status === 'CREATE_COMPLETE')).to.have.lengthOf(3);
      expect(w.things).to.have.lengthOf(RESOURCES);
    });

    it('goes on after the laptop is lost in the middle of a stack', async () => {
      const stalled = w.formation.inject({ kind: 'stall', resource: 'Nat', doing: 'create' });
      const first = init().catch((error: Error) => error.message);
      await stalled.reached;
      w.interrupt();
      expect(await first).to.equal('interrupted');
      w.said.length = 0;
      const second = init();
      await eventuallyTrue('the second one has seen the first', () =>
        w.said.some((line) => line.includes('another command is at work on it')),
      );
      stalled.release();
      await second;
      expect(statuses()).to.deep.equal(ALL_MADE);
      // What happened before it came is shown once more: nobody has seen the end of it.
      expect(
        w.said.filter((line) => line === `${STACK}-network Vpc (AWS::EC2::VPC): CREATE_COMPLETE`),
      ).to.have.lengthOf(1);
    });
  });

  describe('with an installation of an older version', () => {
    it('brings it to this version by a change set, and says so before', async () => {
      await init();
      await change(w, 'artifacts', ({ Resources: { BucketPolicy: _policy, ...Resources }, ...template }) => ({
        ...template,
        Resources,
      }));
      expect((await w.with(survey)).map(({ state }) => state)).to.deep.equal(['differs', 'there', 'there']);
      const [{ changes } = { changes: [] }] = await w.with(preview);
      expect(changes.map(({ action, resource }) => `${action} ${resource}`)).to.include('Add BucketPolicy');
      await init();
      expect(stack('artifacts')?.status).to.equal('UPDATE_COMPLETE');
      expect((await w.with(survey)).map(({ state }) => state)).to.deep.equal(['there', 'there', 'there']);
    });
  });

  describe('--dry-run', () => {
    it('shows the changes of stacks, and leaves neither stack nor change set', async () => {
      const previews = await w.with(preview);
      expect(previews.map(({ changes }) => changes.length > 0)).to.deep.equal([true, true, false]);
      expect(previews[2]?.why).to.contain('abundant-sb-network has to be there first');
      expect(w.things).to.deep.equal([]);
      await w.formation.idle();
      expect(w.formation.stacks.filter(({ status }) => status !== 'DELETE_COMPLETE')).to.deep.equal([]);
    });

    it('shows nothing to change where everything is there', async () => {
      await init();
      expect((await w.with(preview)).map(({ changes }) => changes)).to.deep.equal([[], [], []]);
    });
  });
});

type Changed = { Resources: Record<string, object> };

/** A stack of ours as another version of `sb` makes it. */
async function change(w: CloudWorld, part: 'artifacts', alter: (template: Changed) => object): Promise<void> {
  await w.with(async ({ ports, stacks, context }) => {
    const found = await stacks[part].find(context);
    const template = JSON.stringify(alter(STACKS[part]));
    const { name, parameters, tags } = found!;
    const changes = await ports.stacks.plan({ name, template, parameters, tags }, 'update');
    await ports.stacks.execute(changes!, 'update');
    await w.formation.idle();
  });
}

const clusterOf = (name: string): Cluster => ({
  name,
  arn: `arn:aws:eks:us-east-1:123456789012:cluster/${name}`,
  status: 'ACTIVE',
  version: '1.35',
  endpoint: 'https://theirs.test',
  authority: 'Y2E=',
  autoMode: false,
  vpc: 'vpc-1',
  subnets: [],
  tags: {},
});
