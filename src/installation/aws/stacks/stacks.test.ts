import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec';
import { expect } from 'chai';
import { ofType, resources, stacks, textsIn, valuesIn } from '../../../../test/support/aws/templates.ts';
import { schemaOf } from '../../../generate/cloudformation.ts';
import { LONGEST_STACK, TAGS, awsNames } from '../names.ts';
import { STACKS } from './stacks.ts';

/** Types of what nobody could make again. */
const HOLD_RESULTS = [
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::ECR::Repository',
  'AWS::Logs::LogGroup',
];

/** What a value refers to in its template. */
function referredTo(key: string, value: unknown): string[] {
  const [first = ''] = textsIn(value);
  if (key === 'Ref' || key === 'DependsOn') return [first];
  if (key === 'Fn::GetAtt') return Array.isArray(value) ? [first] : [];
  return key === 'Fn::Sub' ? [...first.matchAll(/\$\{([\w:]+)\}/g)].map(([, name = '']) => name) : [];
}

describe('The alarm on the bill', () => {
  it('is no part of an installation: a region without AWS Budgets would refuse the whole', () => {
    for (const stack of Object.values(STACKS)) expect(JSON.stringify(stack)).not.to.contain('AWS::Budgets::');
  });

  it('is about what carries the tag of the installation, or of one researcher', () => {
    const [{ properties } = { properties: {} }, ...others] = ofType('AWS::Budgets::Budget');
    expect(others).to.deep.equal([]);
    expect((properties as Record<string, unknown>)['Budget']).to.have.deep.property('CostFilters', {
      TagKeyValue: [
        {
          'Fn::If': [
            'HasUser',
            { 'Fn::Join': ['$', ['user:user_id', { Ref: 'User' }]] },
            { 'Fn::Join': ['$', ['user:sb:stack', { Ref: 'Stack' }]] },
          ],
        },
      ],
    });
  });
});

describe('The stacks on AWS', () => {
  it('are small enough to be sent to CloudFormation as they are', () => {
    for (const [stack, template] of stacks)
      expect(JSON.stringify(template).length, stack).to.be.below(51_200);
  });

  it('say everything in ASCII: CloudFormation shows a question mark for the rest, and IAM refuses it', () => {
    for (const [stack, template] of stacks)
      expect(JSON.stringify(template), stack).to.match(/^[\x20-\x7e]*$/);
  });

  it('refer to nothing that they do not have', () => {
    for (const [stack, { Parameters, Resources, Conditions, Outputs }] of stacks) {
      const known = [...Object.keys(Parameters), ...Object.keys(Resources)];
      for (const [key, value] of valuesIn([Resources, Conditions, Outputs]))
        for (const name of referredTo(key, value))
          if (!name.startsWith('AWS::')) expect(known, stack).to.include(name);
    }
  });

  it('ask for no parameter that they do not use', () => {
    for (const [stack, { Parameters, ...rest }] of stacks)
      for (const name of Object.keys(Parameters))
        expect(JSON.stringify(rest), stack).to.match(new RegExp(`"Ref":"${name}"|\\$\\{${name}\\}`));
  });

  it('can be made with what an admin knows: the rest has a default or comes from the stack before', () => {
    const asked = stacks.flatMap(([stack, { Parameters }]) =>
      Object.entries(Parameters).flatMap(([name, { Default }]) =>
        Default === undefined ? `${stack}/${name}` : [],
      ),
    );
    expect(asked).to.have.members([
      'network/ZoneA',
      'network/ZoneB',
      'cluster/SubnetIds',
      'cluster/AdminArn',
      'cluster-roles/ClusterName',
      'alarm/Dollars',
      'alarm/Email',
    ]);
    expect(STACKS.network.Outputs).to.have.property('SubnetIds');
  });

  it('tag everything that can have tags with the installation and the stack', () => {
    const spec = loadAwsServiceSpecSync();
    const taggable = resources.flatMap(({ id, type, properties }) => {
      const property = schemaOf(spec, type).tagInformation?.tagPropertyName;
      return property === undefined ? [] : [{ id, tags: properties[property] }];
    });
    for (const { id, tags } of taggable) {
      expect(tags, id).to.deep.include({ Key: TAGS.stack, Value: { Ref: 'Stack' } });
      expect(tags, id).to.deep.include({ Key: TAGS.part, Value: id.split(/[/-]/)[0] });
    }
    expect(taggable.length).to.be.above(20);
  });

  it('keep what holds results when a stack goes or makes another in its place, and nothing else', () => {
    for (const { id, type, resource } of resources) {
      const kept = HOLD_RESULTS.includes(type) ? 'Retain' : undefined;
      expect(resource.DeletionPolicy, id).to.equal(kept);
      expect(resource.UpdateReplacePolicy, id).to.equal(kept);
    }
  });

  it('keep nothing outside the artifacts, so that no name is taken when the rest is made again', () => {
    const kept = resources.filter(({ resource }) => resource.DeletionPolicy === 'Retain');
    for (const { id } of kept) expect(id).to.match(/^artifacts\//);
  });

  it('give buckets names that S3 takes, in the regions with the longest names', () => {
    const bucket = (stack: string, region: string): string =>
      awsNames({ stack, account: '123456789012', region }).bucket;
    for (const region of ['ap-northeast-1', 'ap-southeast-1', 'eusc-de-east-1', 'us-gov-west-1'])
      expect(bucket('x'.repeat(LONGEST_STACK), region).length).to.be.at.most(63);
    expect(bucket('x'.repeat(LONGEST_STACK + 1), 'ap-northeast-1').length).to.be.above(63);
  });
});
