import { expect } from 'chai';
import { nodeCost, type NodeLabels } from './nodes.ts';
import { instancePrice } from './instance-prices.ts';

const node = (type: string, capacity: string, more: NodeLabels = {}): NodeLabels => ({
  'node.kubernetes.io/instance-type': type,
  'karpenter.sh/capacity-type': capacity,
  'topology.kubernetes.io/zone': 'us-east-1a',
  ...more,
});
const auto = { 'eks.amazonaws.com/compute-type': 'auto' };

describe('What nodes cost', () => {
  it('is the price on demand of each type, and the fee of Auto Mode where that made it', () => {
    const { groups, hourly } = nodeCost([
      node('m7i.2xlarge', 'on-demand'),
      node('m7i.2xlarge', 'on-demand', auto),
    ]);
    const prices = groups.map(({ each = 0 }) => Number(each.toFixed(5)));
    expect(prices).to.deep.equal([0.45158, 0.4032]);
    expect(hourly).to.be.closeTo(0.85478, 1e-5);
  });

  it('puts together what costs the same, the dearest first', () => {
    const zone = { 'topology.kubernetes.io/zone': 'us-east-1b' };
    const { groups } = nodeCost([
      node('c6a.large', 'on-demand'),
      node('c6a.large', 'on-demand'),
      node('c6a.large', 'on-demand', zone),
      node('r6a.4xlarge', 'on-demand'),
    ]);
    expect(groups.map(({ count, type, zone: where }) => `${count} ${type} ${where}`)).to.deep.equal([
      '1 r6a.4xlarge us-east-1a',
      '2 c6a.large us-east-1a',
      '1 c6a.large us-east-1b',
    ]);
  });

  it('is at most that on demand for spot instances, fee and all', () => {
    const cost = nodeCost([node('c7g.large', 'spot', auto)]);
    expect(cost).to.deep.include({ atMost: true, unknown: 0, autoMode: true });
    expect(cost.hourly).to.be.closeTo(0.0725 * 1.12, 1e-9);
  });

  it('is not known of a type, a capacity or a node without a list price, and no guess takes its place', () => {
    const cost = nodeCost([
      node('p9.48xlarge', 'on-demand'),
      node('m7i.metal-24xl', 'on-demand'),
      node('m7i.large', 'reserved'),
      node('constructor', 'on-demand'),
      { 'node.kubernetes.io/instance-type': 'm7i.large' },
      {},
    ]);
    expect(cost).to.deep.include({ hourly: 0, unknown: 6, atMost: false });
    expect(cost.groups.filter(({ each }) => each !== undefined)).to.deep.equal([]);
  });

  it('reads what managed node groups say as well', () => {
    const { groups } = nodeCost([
      { 'node.kubernetes.io/instance-type': 'm5.large', 'eks.amazonaws.com/capacityType': 'ON_DEMAND' },
    ]);
    expect(groups[0]).to.deep.include({ capacity: 'on-demand', each: 0.096 });
  });
});

describe('The price of an instance', () => {
  it('is that of AWS’s list', () => {
    const listed: Record<string, number> = {
      'c6a.large': 0.0765,
      'm5.24xlarge': 4.608,
      'm8g.medium': 0.04488,
      'c7i-flex.16xlarge': 2.7132,
      'r8i.96xlarge': 26.67264,
      'g6.16xlarge': 3.3968,
    };
    for (const [type, usd] of Object.entries(listed))
      expect(instancePrice(type)?.usd, type).to.be.closeTo(usd, 1e-3);
  });

  it('is not known of what is no type', () => {
    for (const type of [
      '',
      'm7i',
      'm7i.',
      '.large',
      'm7i.large.large',
      'm7i.0xlarge',
      'c4.large',
      '__proto__.large',
    ])
      expect(instancePrice(type), type).to.equal(undefined);
  });

  it('says where AWS has it, and when it was seen', () => {
    expect(instancePrice('c5.large')).to.deep.include({
      page: 'https://aws.amazon.com/ec2/pricing/',
      seen: '2026-01',
      per: 'hour',
    });
  });
});
