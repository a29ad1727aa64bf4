/** A service for one `describe`, and the unchanged SDK client in front of it. */
import {
  CloudFormationClient,
  CreateChangeSetCommand,
  CreateStackCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  type CloudFormationClientConfig,
  type CreateChangeSetCommandInput,
  type CreateStackCommandInput,
  type DescribeChangeSetCommandOutput,
  type Stack as SdkStack,
  type StackEvent,
} from '@aws-sdk/client-cloudformation';
import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  memoryTypes,
  startCloudFormation,
  type CloudFormationOptions,
  type CloudFormationService,
} from './index.ts';

export const KEY = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG' };
export const PLACE = { region: 'us-east-1', account: '123456789012' };
export const STACK = 'sb-artifacts';

/** Types that are nothing but a name and what they refer to. */
const KINDS = {
  'AWS::S3::Bucket': { name: 'BucketName', attributes: ['Arn'] },
  'AWS::ECR::Repository': { name: 'RepositoryName', attributes: ['Arn'] },
  'AWS::Logs::LogGroup': { name: 'LogGroupName' },
  'AWS::IAM::Role': { name: 'RoleName', attributes: ['Arn'] },
};

/** A template with these resources, by logical id; the type is that of the first letters. */
export const templateWith = (Resources: object, more: object = {}): string =>
  JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources, ...more });

export const bucket = (BucketName: unknown = 'one', more: object = {}) => ({
  Type: 'AWS::S3::Bucket',
  Properties: { BucketName },
  ...more,
});
export const group = (LogGroupName: unknown = 'logs', more: object = {}) => ({
  Type: 'AWS::Logs::LogGroup',
  Properties: { LogGroupName, ...more },
});
export const needing = (name: string, on: string) => ({
  Type: 'AWS::Logs::LogGroup',
  DependsOn: on,
  Properties: { LogGroupName: name },
});

export class TestedCloudFormation {
  service!: CloudFormationService;
  client!: CloudFormationClient;
  memory = memoryTypes(KINDS);

  async start(options: Partial<CloudFormationOptions>): Promise<void> {
    this.memory = memoryTypes(KINDS);
    this.service = await startCloudFormation({
      ...PLACE,
      credentials: KEY,
      types: this.memory.types,
      millisecondsOf: () => 1,
      ...options,
    });
    this.client = this.clientWith({});
  }

  clientWith(config: CloudFormationClientConfig): CloudFormationClient {
    const { region } = PLACE;
    return new CloudFormationClient({
      region,
      endpoint: this.service.url,
      credentials: KEY,
      maxAttempts: 1,
      ...config,
    });
  }

  /** Names of what there is. */
  get names(): string[] {
    return this.memory.things.map(({ physicalId }) => physicalId);
  }

  async create(Resources: object, more: Partial<CreateStackCommandInput> = {}): Promise<string> {
    const input = { StackName: STACK, TemplateBody: templateWith(Resources), ...more };
    return (await this.client.send(new CreateStackCommand(input))).StackId!;
  }

  /** Creates and waits until nothing is in progress. */
  async created(Resources: object, more: Partial<CreateStackCommandInput> = {}): Promise<SdkStack> {
    const id = await this.create(Resources, more);
    await this.service.idle();
    return this.stack(id);
  }

  async stack(StackName: string = STACK): Promise<SdkStack> {
    return (await this.client.send(new DescribeStacksCommand({ StackName }))).Stacks![0]!;
  }

  /** Oldest first: `LogicalId STATUS`, with the reason where there is one. */
  async story(StackName: string = STACK): Promise<string[]> {
    const events = await this.events(StackName);
    return events
      .toReversed()
      .map(({ LogicalResourceId, ResourceStatus, ResourceStatusReason: why }) =>
        [LogicalResourceId, ResourceStatus, ...(why ? [`(${why.trim()})`] : [])].join(' '),
      );
  }

  async events(StackName: string = STACK): Promise<StackEvent[]> {
    const { StackEvents = [] } = await this.client.send(new DescribeStackEventsCommand({ StackName }));
    return StackEvents;
  }

  /** A change set, once it is no longer made. */
  async changeSet(
    Resources: object,
    more: Partial<CreateChangeSetCommandInput> = {},
  ): Promise<DescribeChangeSetCommandOutput> {
    const input = {
      StackName: STACK,
      ChangeSetName: 'change',
      TemplateBody: templateWith(Resources),
      ...more,
    };
    const { Id } = await this.client.send(new CreateChangeSetCommand(input));
    for (;;) {
      const set = await this.client.send(new DescribeChangeSetCommand({ ChangeSetName: Id }));
      if (!['CREATE_PENDING', 'CREATE_IN_PROGRESS'].includes(set.Status!)) return set;
      await sleep(2);
    }
  }

  async execute(ChangeSetName: string): Promise<void> {
    await this.client.send(new ExecuteChangeSetCommand({ ChangeSetName }));
    await this.service.idle();
  }
}

/** A fresh service in each test of this `describe`. */
export function useCloudFormation(
  options: () => Partial<CloudFormationOptions> = () => ({}),
): TestedCloudFormation {
  const tested = new TestedCloudFormation();
  beforeEach(() => tested.start(options()));
  afterEach(async () => {
    tested.client.destroy();
    await tested.service.close();
  });
  return tested;
}

/** The error that it fails with. */
export const failure = (
  work: Promise<unknown>,
): Promise<Error & { $metadata?: { httpStatusCode?: number } }> =>
  work.then(
    () => expect.fail('it did not fail'),
    (error: Error) => error,
  );

/** `Code: message`. */
export const said = async (work: Promise<unknown>): Promise<string> => {
  const { name, message } = await failure(work);
  return `${name}: ${message}`;
};
