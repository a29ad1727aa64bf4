import { expect } from 'chai';
import { decide, type Asked, type Policy, type Statement } from './evaluate.ts';

const policy = (...Statement: Statement[]): Policy => ({ Version: '2012-10-17', Statement });
const allow = (over: Partial<Statement> = {}): Statement => ({
  Effect: 'Allow',
  Action: 's3:GetObject',
  Resource: 'arn:aws:s3:::bucket/tasks/*',
  ...over,
});
const get: Asked = { action: 's3:GetObject', resource: 'arn:aws:s3:::bucket/tasks/a/b.zip' };
const decided = (statement: Statement, asked: Partial<Asked> = {}) =>
  decide([policy(statement)], { ...get, ...asked });

describe('the evaluation of IAM policies', () => {
  // reference_policies_evaluation-logic: “By default, all requests are implicitly denied”, “an explicit deny in any policy overrides any allows”.
  describe('decides', () => {
    it('against what nobody has allowed', () => {
      expect(decide([], get)).to.equal('implicitDeny');
      expect(decided(allow({ Action: 's3:PutObject' }))).to.equal('implicitDeny');
    });

    it('for what one of several policies allows', () => {
      expect(decide([policy(), policy(allow())], get)).to.equal('allowed');
    });

    it('against what is denied, whoever allows it', () => {
      const deny = allow({ Effect: 'Deny', Resource: '*' });
      expect(decide([policy(allow()), policy(deny)], get)).to.equal('explicitDeny');
      expect(decide([policy(deny, allow())], get)).to.equal('explicitDeny');
    });
  });

  // reference_policies_elements_action: “The prefix and the action name are case insensitive”, wildcards * and ?.
  it('compares actions whatever their case, with wildcards', () => {
    for (const Action of ['s3:GetObject', 'S3:getobject', 's3:Get*', 's3:*', '*', 's3:GetObjec?'])
      expect(decided(allow({ Action })), Action).to.equal('allowed');
    for (const Action of ['s3:GetObjectVersion', 's3:Get', 'ecr:*', 's3:GetObject?'])
      expect(decided(allow({ Action })), Action).to.equal('implicitDeny');
    expect(decided(allow({ Action: ['ecr:PutImage', 's3:GetObject'] }))).to.equal('allowed');
  });

  // reference_policies_elements_resource: wildcards within the parts of an ARN that colons divide; ARNs are compared with their case.
  it('compares resources by the parts of their ARNs', () => {
    for (const Resource of ['*', 'arn:aws:s3:::bucket/*', 'arn:aws:s3:::b?cket/tasks/a/*', 'arn:*:s3:::*'])
      expect(decided(allow({ Resource })), Resource).to.equal('allowed');
    for (const Resource of [
      'arn:aws:s3:::bucket',
      'arn:aws:s3:::bucket/TASKS/*',
      'arn:aws:s3:::bucket/tasks/a',
      'arn:aws-cn:s3:::bucket/*',
      'arn:aws:*/tasks/a/b.zip',
    ])
      expect(decided(allow({ Resource })), Resource).to.equal('implicitDeny');
  });

  it('takes a dot and a dollar for themselves', () => {
    expect(decided(allow({ Resource: 'arn:aws:s3:::bucket/tasks/a/bxzip' }))).to.equal('implicitDeny');
  });

  it('lets a wildcard reach past the colons of the resource itself', () => {
    const logs = allow({ Action: 'logs:GetLogEvents', Resource: 'arn:aws:logs:us-east-1:1:log-group:/a:*' });
    const asked = {
      action: 'logs:GetLogEvents',
      resource: 'arn:aws:logs:us-east-1:1:log-group:/a:log-stream:x',
    };
    expect(decided(logs, asked)).to.equal('allowed');
    expect(
      decided(logs, { ...asked, resource: 'arn:aws:logs:us-east-1:1:log-group:/ab:log-stream:x' }),
    ).to.equal('implicitDeny');
  });

  // reference_policies_elements_condition: keys and operators are ANDed, values ORed; a key that is not in the request does not match.
  describe('holds a request to conditions', () => {
    const via = (...values: string[]) => allow({ Condition: { StringLike: { 'kms:ViaService': values } } });
    const by = (value: string) => ({ context: { 'kms:viaservice': value } });

    it('of which one value is enough, and a key whatever its case', () => {
      expect(decided(via('s3.*.amazonaws.com', 'x'), by('s3.eu-west-1.amazonaws.com'))).to.equal('allowed');
      expect(decided(via('s3.*.amazonaws.com'), by('ec2.eu-west-1.amazonaws.com'))).to.equal('implicitDeny');
    });

    it('of which every key has to be there and to match', () => {
      expect(decided(via('*'))).to.equal('implicitDeny');
      const two = allow({ Condition: { StringEquals: { a: '1', b: '2' }, StringLike: { c: '3*' } } });
      expect(decided(two, { context: { a: '1', b: '2', c: '33' } })).to.equal('allowed');
      expect(decided(two, { context: { a: '1', b: '2' } })).to.equal('implicitDeny');
      expect(decided(two, { context: { a: '1', b: '3', c: '33' } })).to.equal('implicitDeny');
    });

    it('such as that nobody comes without TLS', () => {
      const deny = allow({
        Effect: 'Deny',
        Action: 's3:*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      const over = (tls: string) => ({ ...get, context: { 'aws:SecureTransport': tls } });
      expect(decide([policy(allow(), deny)], over('false'))).to.equal('explicitDeny');
      expect(decide([policy(allow(), deny)], over('true'))).to.equal('allowed');
    });

    // reference_policies_elements_condition_operators: a negated operator holds where the key is missing.
    it('and takes a missing key for another value', () => {
      const not = allow({ Condition: { StringNotEquals: { a: '1' } } });
      expect([decided(not), decided(not, { context: { a: '1' } })]).to.deep.equal([
        'allowed',
        'implicitDeny',
      ]);
    });
  });

  it('passes over nothing that it does not know', () => {
    const broken: [Statement, string][] = [
      [allow({ Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } }), 'IpAddress'],
      [{ ...allow(), NotAction: 's3:*' } as Statement, 'NotAction'],
      [allow({ Resource: 'arn:aws:s3:::${SB_S3_BUCKET}' }), '${SB_S3_BUCKET}'],
    ];
    for (const [statement, what] of broken) expect(() => decided(statement)).to.throw(what);
  });
});
