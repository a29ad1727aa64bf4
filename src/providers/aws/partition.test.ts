import { expect } from 'chai';
import { arnIn, consoleUrl, partitionOf, REGION } from './partition.ts';

const REGIONS: [region: string, partition: string, console: string][] = [
  ['us-east-1', 'aws', 'us-east-1.console.aws.amazon.com'],
  ['ap-southeast-2', 'aws', 'ap-southeast-2.console.aws.amazon.com'],
  ['cn-north-1', 'aws-cn', 'cn-north-1.console.amazonaws.cn'],
  ['us-gov-west-1', 'aws-us-gov', 'us-gov-west-1.console.amazonaws-us-gov.com'],
  ['eusc-de-east-1', 'aws-eusc', 'eusc-de-east-1.console.amazonaws-eusc.eu'],
];

describe('a partition of AWS', () => {
  for (const [region, partition, host] of REGIONS)
    it(`is ${partition} for ${region}, in ARNs and in links`, () => {
      expect(region).to.match(REGION);
      expect(arnIn(region, 's3:::bucket')).to.equal(`arn:${partition}:s3:::bucket`);
      expect(consoleUrl(region, 's3/home')).to.equal(`https://${host}/s3/home`);
    });

  it('has logins for ECR Public where it is AWS’s first', () => {
    const having = REGIONS.filter(([region]) => partitionOf(region).publicRegistry);
    expect(having.map(([region]) => region)).to.deep.equal(['us-east-1', 'ap-southeast-2']);
  });

  it('has regions by which nobody is led to another host', () => {
    for (const region of [
      'us-east-1.evil.example/',
      'us_east_1',
      'us-east',
      'US-EAST-1',
      'us-east-100',
      'us-east-1\\n',
    ])
      expect(region).to.not.match(REGION);
  });
});
