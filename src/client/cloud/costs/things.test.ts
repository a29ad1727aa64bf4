import { expect } from 'chai';
import { PRICES, type Price } from './prices.ts';
import { cloudStacks, hourly, type CloudChoice } from './things.ts';

const EVERYTHING: CloudChoice = { stack: 'sb', network: true, zones: 3 };
const wordsOf = (choice: CloudChoice): string[] =>
  cloudStacks(choice).flatMap(({ name, things }) => things.map(({ what }) => `${name}: ${what}`));

describe('What an installation on AWS consists of', () => {
  it('comes in the order in which it is made, and what holds results stays', () => {
    const stacks = cloudStacks(EVERYTHING).map(({ name, kept }) => [name, kept]);
    expect(stacks).to.deep.equal([
      ['sb-artifacts', true],
      ['sb-network', false],
      ['sb-cluster', false],
    ]);
  });

  it('costs by the hour what control plane, NAT gateway and its address cost', () => {
    const { controlPlane, natGateway, publicAddress } = PRICES;
    expect(hourly(cloudStacks(EVERYTHING))).to.be.closeTo(
      controlPlane.usd + natGateway.usd + publicAddress.usd,
      1e-9,
    );
  });

  it('costs nothing by the hour where only results are kept', () => {
    const kept = cloudStacks(EVERYTHING).filter((stack) => stack.kept);
    expect(hourly(kept)).to.equal(0);
  });

  it('has no network where there is a VPC', () => {
    const own = { ...EVERYTHING, network: false };
    expect(wordsOf(own).filter((words) => /network|NAT|subnet/.test(words))).to.deep.equal([]);
    expect(hourly(cloudStacks(own))).to.equal(PRICES.controlPlane.usd);
  });

  it('has neither cluster nor nodes where there is a cluster, and costs nothing by the hour', () => {
    const guest = { ...EVERYTHING, network: false, guest: true };
    expect(wordsOf(guest).filter((words) => words.startsWith('sb-cluster'))).to.deep.equal([
      'sb-cluster: 2 IAM roles',
    ]);
    expect(hourly(cloudStacks(guest))).to.equal(0);
  });

  it('has a subnet for each zone, and one for the NAT gateway', () => {
    expect(wordsOf(EVERYTHING)).to.include('sb-network: 4 subnets');
    expect(wordsOf({ ...EVERYTHING, zones: 2 })).to.include('sb-network: 3 subnets');
  });

  it('says of nodes, which no stack has, how they are paid', () => {
    const nodes = cloudStacks(EVERYTHING).flatMap(({ things }) => things.filter(({ cost }) => cost));
    expect(nodes.map(({ cost }) => cost)).to.deep.equal([
      'price of the instances, and about 12 % for Auto Mode',
    ]);
  });

  it('says of nodes with GPUs what one costs, and counts none while no Trial asks for it', () => {
    const withGpus = cloudStacks({ ...EVERYTHING, gpus: 4 });
    const [, gpus] = withGpus.flatMap(({ things }) => things.filter(({ cost }) => cost));
    expect(gpus).to.include({
      what: 'nodes with GPUs: while there are Trials that ask for some, 4 GPUs at most',
      cost: 'about $0.53 to $1.01 per hour for one with one GPU, and about 12 % for Auto Mode',
    });
    expect(hourly(withGpus)).to.equal(hourly(cloudStacks(EVERYTHING)));
  });
});

describe('A price', () => {
  for (const [name, { usd, page, seen }] of Object.entries<Price>(PRICES))
    it(`says of ${name} where AWS says it, and when it was seen`, () => {
      expect(usd).to.be.above(0);
      expect(page).to.match(/^https:\/\/aws\.amazon\.com\/\w+\/pricing\/$/);
      expect(seen).to.match(/^20\d\d-(0[1-9]|1[0-2])$/);
    });
});
