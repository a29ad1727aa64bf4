import {
  CreateStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ListStackResourcesCommand,
  ListStacksCommand,
  UpdateStackCommand,
  ValidateTemplateCommand,
  type CreateStackCommandInput,
} from '@aws-sdk/client-cloudformation';
import { expect } from 'chai';
import { ManualClock } from '../manual-clock.ts';
import {
  bucket,
  failure,
  group,
  KEY,
  needing,
  said,
  STACK,
  templateWith,
  useCloudFormation,
} from './testing.ts';

describe('cloudformation service: templates and parameters', () => {
  const tested = useCloudFormation();
  const refused = (
    Resources: object,
    more: object = {},
    input: Partial<CreateStackCommandInput> = {},
  ): Promise<string> =>
    said(tested.create(Resources, { TemplateBody: templateWith(Resources, more), ...input }));
  const role = { Type: 'AWS::IAM::Role', Properties: {} };

  it('have functions, conditions and outputs', async () => {
    const body = templateWith(
      {
        A: bucket({ 'Fn::Sub': '${Stack}-${AWS::AccountId}-${!literal}' }),
        B: group(
          { 'Fn::Join': ['/', [{ Ref: 'A' }, { 'Fn::Select': ['1', ['x', 'y']] }]] },
          { Retention: { 'Fn::If': ['Big', 90, { Ref: 'AWS::NoValue' }] } },
        ),
        C: { ...bucket('c'), Condition: 'Big' },
      },
      {
        Parameters: {
          Stack: { Type: 'String', Default: 'sb' },
          List: { Type: 'CommaDelimitedList', Default: 'a, b' },
        },
        Conditions: { Big: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'Stack' }, 'sb'] }] } },
        Outputs: {
          Arn: { Value: { 'Fn::GetAtt': ['A', 'Arn'] }, Description: 'of A' },
          List: { Value: { 'Fn::Join': ['+', { Ref: 'List' }] } },
          C: { Value: 'c', Condition: 'Big' },
        },
      },
    );
    const stack = await tested.created({}, { TemplateBody: body });
    expect(tested.memory.things.map(({ physicalId, properties }) => [physicalId, properties])).to.deep.equal([
      ['sb-123456789012-${literal}', { BucketName: 'sb-123456789012-${literal}' }],
      ['sb-123456789012-${literal}/y', { LogGroupName: 'sb-123456789012-${literal}/y' }],
    ]);
    expect(stack.Outputs).to.deep.equal([
      { OutputKey: 'Arn', OutputValue: 'Arn of sb-123456789012-${literal}', Description: 'of A' },
      { OutputKey: 'List', OutputValue: 'a+b' },
    ]);
    const Parameters = [{ ParameterKey: 'Stack', ParameterValue: 'big' }];
    await tested.client.send(
      new UpdateStackCommand({ StackName: STACK, UsePreviousTemplate: true, Parameters }),
    );
    await tested.service.idle();
    expect(tested.names).to.include.members(['c', 'big-123456789012-${literal}']);
  });

  it('are refused where they refer to what there is not', async () => {
    expect(await refused({ A: bucket({ Ref: 'B' }) })).to.equal(
      'ValidationError: Template format error: Unresolved resource dependencies [B] in the Resources block of the template',
    );
    expect(await refused({ A: { Type: 'AWS::S3::Bukcet' } })).to.equal(
      'ValidationError: Template format error: Unrecognized resource types: [AWS::S3::Bukcet]',
    );
    expect(await refused({ A: needing('a', 'B'), B: needing('b', 'A') })).to.match(
      /^ValidationError: Circular dependency/,
    );
    expect(await refused({ A: { ...bucket(), Condition: 'No' } })).to.match(
      /Unresolved condition dependency No$/,
    );
    expect(await refused({ A: bucket(), B: group({ 'Fn::GetAtt': ['A', 'Colour'] }) })).to.match(
      /resource A does not support attribute type Colour in Fn::GetAtt$/,
    );
    expect(await refused({})).to.match(/At least one Resources member must be defined/);
    expect(await refused({}, {}, { TemplateBody: 'Resources: {}' })).to.match(/unsupported structure/);
    const long = JSON.stringify({ Resources: { A: bucket('x'.repeat(51_200)) } });
    expect(await refused({}, {}, { TemplateBody: long })).to.match(/less than or equal to 51200$/);
    expect(tested.service.stacks).to.deep.equal([]);
  });

  it('are refused, by name, where they have something that this service has not', async () => {
    const wanted: [object, object, string][] = [
      [{ A: bucket({ 'Fn::ImportValue': 'x' }) }, {}, 'Fn::ImportValue'],
      [{ A: bucket({ 'Fn::Cidr': ['x', 1] }) }, {}, 'Fn::Cidr'],
      [{ A: { ...bucket('a'), UpdatePolicy: {} } }, {}, 'UpdatePolicy'],
      [{ A: bucket('a', { DeletionPolicy: 'Snapshot' }) }, {}, 'Snapshot'],
      [{ A: bucket() }, { Transform: 'AWS::Serverless' }, 'Transform'],
      [{ A: bucket() }, { Outputs: { O: { Value: 'x', Export: { Name: 'y' } } } }, 'Export'],
    ];
    for (const [Resources, more, what] of wanted)
      expect(await refused(Resources, more), what).to.contain(what);
    expect(await refused({ A: bucket() }, {}, { TemplateURL: 'https://x' })).to.contain('TemplateURL');
    expect(await refused({ A: bucket() }, {}, { RoleARN: 'arn:aws:iam::123456789012:role/x' })).to.contain(
      'RoleARN',
    );
  });

  it('need an acknowledgement for roles, and another one for roles with names', async () => {
    expect(await refused({ R: role })).to.equal(
      'InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]',
    );
    const named = { R: { ...role, Properties: { RoleName: 'r' } } };
    expect(await refused(named, {}, { Capabilities: ['CAPABILITY_IAM'] })).to.equal(
      'InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_NAMED_IAM]',
    );
    const stack = await tested.created(named, { Capabilities: ['CAPABILITY_NAMED_IAM'] });
    expect([stack.StackStatus, stack.Capabilities]).to.deep.equal([
      'CREATE_COMPLETE',
      ['CAPABILITY_NAMED_IAM'],
    ]);
  });

  const Parameters = {
    Name: { Type: 'String', AllowedPattern: '[a-z]+', MaxLength: 3 },
    Days: { Type: 'Number', Default: 7, AllowedValues: [7, 30] },
    Admin: { Type: 'String', Default: 'a', AllowedPattern: 'a', ConstraintDescription: 'an ARN' },
    Secret: { Type: 'String', Default: 'x', NoEcho: true },
  };
  const given = (values: Record<string, string>) => ({
    Parameters: Object.entries(values).map(([ParameterKey, ParameterValue]) => ({
      ParameterKey,
      ParameterValue,
    })),
  });

  it('hold parameters to what the template allows', async () => {
    const WRONG: [Record<string, string>, string][] = [
      [{}, 'Parameters: [Name] must have values'],
      [{ Name: 'a', Other: 'b' }, 'Parameters: [Other] do not exist in the template'],
      [{ Name: 'A' }, "Parameter 'Name' must match pattern [a-z]+"],
      [{ Name: 'aaaa' }, "Parameter 'Name' must contain at most 3 characters"],
      [{ Name: 'a', Days: '8' }, "Parameter 'Days' must be one of AllowedValues"],
      [{ Name: 'a', Days: 'x' }, "Parameter 'Days' must be a number"],
      [{ Name: 'a', Admin: 'b' }, 'Parameter Admin failed to satisfy constraint: an ARN'],
    ];
    for (const [values, why] of WRONG)
      expect(await refused({ A: bucket() }, { Parameters }, given(values))).to.equal(
        `ValidationError: ${why}`,
      );
  });

  it('keep values of the stack before, and hide those that are secret', async () => {
    const TemplateBody = templateWith({ A: bucket(), B: group({ Ref: 'Name' }) }, { Parameters });
    const stack = await tested.created({}, { TemplateBody, ...given({ Name: 'abc', Secret: 'hidden' }) });
    expect(stack.Parameters!.map((one) => one.ParameterValue)).to.deep.equal(['abc', '7', 'a', '****']);
    const previous = [
      { ParameterKey: 'Name', UsePreviousValue: true },
      { ParameterKey: 'Days', ParameterValue: '30' },
    ];
    const update = new UpdateStackCommand({
      StackName: STACK,
      UsePreviousTemplate: true,
      Parameters: previous,
    });
    // Nothing in the template uses the days.
    expect(await said(tested.client.send(update))).to.equal(
      'ValidationError: No updates are to be performed.',
    );
    const unknown = new CreateStackCommand({ StackName: 'new', TemplateBody, Parameters: previous });
    expect(await said(tested.client.send(unknown))).to.match(/^ValidationError: .*usePreviousValue/);
  });
});

describe('cloudformation service: requests', () => {
  const clock = new ManualClock();
  const tested = useCloudFormation(() => ({
    pageSize: 2,
    millisecondsOf: (type) => (type === 'AWS::S3::Bucket' ? 60_000 : 1),
    clock,
  }));
  const describeAll = () => tested.client.send(new DescribeStacksCommand({}));

  it('are held to the service model', async () => {
    expect(await said(tested.create({ A: bucket() }, { StackName: '1-bad' }))).to.match(
      /^ValidationError: 1 validation error detected: Value '1-bad' at 'stackName' failed to satisfy constraint/,
    );
    expect(await said(tested.create({ A: bucket() }, { OnFailure: 'EXPLODE' as never }))).to.match(
      /enum value set/,
    );
    expect(
      await said(tested.create({ A: bucket() }, { OnFailure: 'DELETE', DisableRollback: true })),
    ).to.match(/not both/);
    const tags = Array.from({ length: 51 }, (_, at) => ({ Key: `k${at}`, Value: 'v' }));
    expect(await said(tested.create({ A: bucket() }, { Tags: tags }))).to.match(/less than or equal to 50$/);
    const unknown = tested.client.send(new ValidateTemplateCommand({ TemplateBody: '{}' }));
    expect((await failure(unknown)).name).to.equal('InvalidAction');
  });

  it('get lists page by page, events newest first', async () => {
    await tested.create({ A: group('a'), B: group('b'), C: group('c') });
    await clock.advance(10);
    const all: string[] = [];
    let NextToken: string | undefined;
    do {
      const { StackEvents = [], NextToken: next } = await tested.client.send(
        new DescribeStackEventsCommand({ StackName: STACK, ...(NextToken !== undefined && { NextToken }) }),
      );
      expect(StackEvents.length).to.be.at.most(2);
      all.push(...StackEvents.map((one) => `${one.LogicalResourceId} ${one.ResourceStatus}`));
      NextToken = next;
    } while (NextToken);
    expect([all[0], all.at(-1), all.length]).to.deep.equal([
      `${STACK} CREATE_COMPLETE`,
      `${STACK} CREATE_IN_PROGRESS`,
      11,
    ]);
    const { StackResourceSummaries } = await tested.client.send(
      new ListStackResourcesCommand({ StackName: STACK }),
    );
    expect(StackResourceSummaries).to.have.length(2);
  });

  it('find a stack in progress for as long as its resources take', async () => {
    const id = await tested.create({ A: bucket(), B: needing('b', 'A') });
    await clock.advance(59_999);
    expect((await tested.stack(id)).StackStatus).to.equal('CREATE_IN_PROGRESS');
    tested.service.inject({ kind: 'slow', resource: 'B', ms: 600_000 });
    await clock.advance(599_999);
    expect((await tested.stack(id)).StackStatus).to.equal('CREATE_IN_PROGRESS');
    await clock.advance(2);
    expect((await tested.stack(id)).StackStatus).to.equal('CREATE_COMPLETE');
  });

  const REFUSED = [
    ['throttle', 'Throttling: Rate exceeded', 400],
    ['expiredToken', 'ExpiredToken: The security token included in the request is expired', 403],
    ['internal', 'InternalFailure: The request processing has failed because of an unknown error', 500],
    ['unavailable', 'ServiceUnavailable: Service Unavailable', 503],
    ['limit', 'LimitExceededException: Limit for stack has been exceeded', 400],
  ] as const;
  for (const [kind, message, status] of REFUSED)
    it(`meet ${kind}, once`, async () => {
      tested.service.inject({ kind });
      const error = await failure(tested.create({ A: bucket() }));
      expect([`${error.name}: ${error.message}`, error.$metadata?.httpStatusCode]).to.deep.equal([
        message,
        status,
      ]);
      await tested.create({ A: bucket() });
    });

  it('are denied in the words of IAM, by fault and by policy', async () => {
    tested.service.inject({ kind: 'accessDenied', operation: 'CreateStack' });
    const error = await failure(tested.create({ A: bucket() }));
    expect([error.name, error.$metadata?.httpStatusCode]).to.deep.equal(['AccessDenied', 403]);
    expect(error.message).to.equal(
      `User: arn:aws:iam::123456789012:user/operator is not authorized to perform: cloudformation:CreateStack on resource: arn:aws:cloudformation:us-east-1:123456789012:stack/${STACK}/* because no identity-based policy allows the cloudformation:CreateStack action`,
    );
    await tested.service.close();
    const asked: string[] = [];
    await tested.start({
      refusal: ({ action, resource }) => {
        asked.push(`${action} ${resource}`);
        return action.endsWith(':ListStacks') ? 'you may not' : undefined;
      },
    });
    await describeAll();
    expect(await said(tested.client.send(new ListStacksCommand({})))).to.equal('AccessDenied: you may not');
    expect(asked).to.deep.equal(['cloudformation:DescribeStacks *', 'cloudformation:ListStacks *']);
  });

  it('have their effect even where the answer is lost', async () => {
    tested.service.inject({ kind: 'loseResponse', operation: 'CreateStack' });
    await failure(tested.create({ A: bucket() }));
    expect(await said(tested.create({ A: bucket() }))).to.match(/^AlreadyExistsException/);
  });

  it('are held before and after their effect', async () => {
    for (const [when, stacks] of [
      ['before', 0],
      ['after', 1],
    ] as const) {
      const hold = tested.service.inject({ kind: 'hold', operation: 'CreateStack', when });
      const call = tested.create({ A: bucket() }, { StackName: `of-${when}` });
      await hold.reached;
      const there = tested.service.stacks.filter(({ name }) => name === `of-${when}`);
      expect(there, when).to.have.length(stacks);
      hold.release();
      await call;
    }
  });

  it('have to be signed by somebody who is known, now', async () => {
    const by = async (credentials: object, more: object = {}): Promise<string> => {
      const client = tested.clientWith({ credentials: { ...KEY, ...credentials }, ...more });
      const { name } = await failure(client.send(new ListStacksCommand({})));
      client.destroy();
      return name;
    };
    expect(await by({ secretAccessKey: 'x' })).to.equal('SignatureDoesNotMatch');
    expect(await by({ accessKeyId: 'AKIAOTHER' })).to.equal('InvalidClientTokenId');
    expect(await by({ sessionToken: 't' })).to.equal('InvalidClientTokenId');
    expect(await by({}, { region: 'eu-west-1' })).to.equal('SignatureDoesNotMatch');
    expect(await by({}, { systemClockOffset: -600_000 })).to.equal('SignatureDoesNotMatch');
    await tested.service.close();
    const session = { accessKeyId: 'ASIA', secretAccessKey: 's', sessionToken: 't' };
    await tested.start({ credentials: [{ ...session, expiration: Date.now() - 1 }] });
    expect(await by(session)).to.equal('ExpiredToken');
  });

  it('are written down', async () => {
    await describeAll();
    await failure(tested.stack('none'));
    expect(
      tested.service.calls.map(({ operation, status, error }) => [operation, status, error]),
    ).to.deep.equal([
      ['DescribeStacks', 200, undefined],
      ['DescribeStacks', 400, 'ValidationError'],
    ]);
  });
});
