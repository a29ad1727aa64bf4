import {
  CloudFormationClient,
  CreateChangeSetCommand,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  ListStacksCommand,
  type ChangeSetStatus,
} from '@aws-sdk/client-cloudformation';
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { ACCOUNT, CREDENTIALS, REGION } from '../aws/facts.ts';
import { needMotoWithStacks, type Moto } from '../aws/moto.ts';
import { memoryTypes, startCloudFormation, type CloudFormationService } from './index.ts';
import { bucket, failure, templateWith } from './testing.ts';

const DONE: ChangeSetStatus[] = ['CREATE_COMPLETE', 'FAILED'];
const Resources = { A: bucket({ Ref: 'Name' }), B: { ...bucket('bucket-b'), DeletionPolicy: 'Retain' } };
const TemplateBody = templateWith(Resources, {
  Parameters: { Name: { Type: 'String', Default: 'bucket-a' } },
  Outputs: { Bucket: { Value: { Ref: 'A' }, Description: 'the first' } },
});
const Tags = [{ Key: 'sb:stack', Value: 'mine' }];

/** What ours and moto say alike. Where they differ (protection, capabilities, rollback, times), AWS's own pages decide, and the other tests. */
const places: Record<
  string,
  (context: Mocha.Context) => Promise<{ url: string; close(): Promise<void>; idle(): Promise<void> }>
> = {
  async ours() {
    const types = memoryTypes({ 'AWS::S3::Bucket': { name: 'BucketName' } }).types;
    const place = { region: REGION, account: ACCOUNT, credentials: CREDENTIALS };
    const service: CloudFormationService = await startCloudFormation({ ...place, types });
    return service;
  },
  async moto(context) {
    const moto: Moto = await needMotoWithStacks(context);
    return { url: moto.url, close: () => moto.close(), idle: async () => {} };
  },
};

for (const [name, open] of Object.entries(places))
  describe(`what CloudFormation says: ${name}`, () => {
    let place: Awaited<ReturnType<(typeof places)[string]>>;
    let client: CloudFormationClient;
    before(async function () {
      place = await open(this);
      client = new CloudFormationClient({
        region: REGION,
        endpoint: place.url,
        credentials: CREDENTIALS,
        maxAttempts: 1,
      });
    });
    after(async () => {
      client?.destroy();
      await place?.close();
    });

    const stackOf = async (StackName: string) =>
      (await client.send(new DescribeStacksCommand({ StackName }))).Stacks![0]!;

    it('of a stack that is made, shown and deleted', async () => {
      const create = () => client.send(new CreateStackCommand({ StackName: 'one', TemplateBody, Tags }));
      const { StackId } = await create();
      await place.idle();
      expect(StackId).to.match(new RegExp(`^arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/one/`));
      const stack = await stackOf('one');
      expect([stack.StackStatus, stack.Tags]).to.deep.equal(['CREATE_COMPLETE', Tags]);
      expect(stack.Outputs).to.deep.equal([
        { OutputKey: 'Bucket', OutputValue: 'bucket-a', Description: 'the first' },
      ]);
      expect(stack.Parameters).to.deep.equal([{ ParameterKey: 'Name', ParameterValue: 'bucket-a' }]);
      expect((await failure(create())).name).to.equal('AlreadyExistsException');
      const { StackResources } = await client.send(new DescribeStackResourcesCommand({ StackName: 'one' }));
      const resources = StackResources!.map((one) => [
        one.LogicalResourceId,
        one.PhysicalResourceId,
        one.ResourceType,
      ]);
      expect(resources).to.have.deep.members([
        ['A', 'bucket-a', 'AWS::S3::Bucket'],
        ['B', 'bucket-b', 'AWS::S3::Bucket'],
      ]);
      const { StackEvents } = await client.send(new DescribeStackEventsCommand({ StackName: 'one' }));
      const [last, first] = [StackEvents![0]!, StackEvents!.at(-1)!].map(
        (one) => `${one.LogicalResourceId} ${one.ResourceStatus}`,
      );
      expect([first, last]).to.deep.equal(['one CREATE_IN_PROGRESS', 'one CREATE_COMPLETE']);
      const template = await client.send(new GetTemplateCommand({ StackName: 'one' }));
      expect(JSON.parse(template.TemplateBody!)).to.deep.equal(JSON.parse(TemplateBody));

      await client.send(new DeleteStackCommand({ StackName: 'one' }));
      await place.idle();
      expect((await stackOf(StackId!)).StackStatus).to.equal('DELETE_COMPLETE');
      const { StackSummaries } = await client.send(
        new ListStacksCommand({ StackStatusFilter: ['DELETE_COMPLETE'] }),
      );
      expect(StackSummaries!.map((one) => one.StackName)).to.deep.equal(['one']);
    });

    it('of one that is not there', async () => {
      const { name: code, message } = await failure(stackOf('none'));
      expect(`${code}: ${message}`).to.equal('ValidationError: Stack with id none does not exist');
    });

    it('of a stack that a change set makes', async () => {
      const names = { StackName: 'two', ChangeSetName: 'first' };
      const Parameters = [{ ParameterKey: 'Name', ParameterValue: 'bucket-c' }];
      const template = templateWith(
        { A: bucket({ Ref: 'Name' }) },
        { Parameters: { Name: { Type: 'String' } } },
      );
      const { Id } = await client.send(
        new CreateChangeSetCommand({ ...names, TemplateBody: template, Parameters, ChangeSetType: 'CREATE' }),
      );
      const describe = () =>
        client.send(new DescribeChangeSetCommand({ ChangeSetName: Id, StackName: 'two' }));
      let set = await describe();
      while (!DONE.includes(set.Status!)) {
        await sleep(5);
        set = await describe();
      }
      expect([set.Status, set.ExecutionStatus, set.ChangeSetName]).to.deep.equal([
        'CREATE_COMPLETE',
        'AVAILABLE',
        'first',
      ]);
      expect(
        set.Changes!.map(({ ResourceChange: one }) => [one!.Action, one!.LogicalResourceId]),
      ).to.deep.equal([['Add', 'A']]);
      expect((await stackOf('two')).StackStatus).to.equal('REVIEW_IN_PROGRESS');
      await client.send(new ExecuteChangeSetCommand({ ChangeSetName: Id, StackName: 'two' }));
      await place.idle();
      expect((await stackOf('two')).StackStatus).to.equal('CREATE_COMPLETE');
    });
  });
