/** Stacks by CloudFormation: every change goes through a change set. */
import {
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  UpdateTerminationProtectionCommand,
  type DescribeChangeSetOutput,
} from '@aws-sdk/client-cloudformation';
import { randomUUID } from 'node:crypto';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import { httpWithin } from '../aws/http.ts';
import { ProviderError, type ProviderReason } from '../errors.ts';
import type { ChangeSet, Stack, StackEvent, Stacks, StackWish } from './port.ts';
import { changeOf, eventOf, pairs, stackOf } from './translate.ts';

export interface CloudFormationSettings {
  region: string;
  /** Default: those that the SDK finds. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  endpoint?: string;
  /** Rejects where nobody waits any more. */
  sleep: (ms: number) => Promise<unknown>;
}

const TIMEOUT_MS = 30_000;
const POLL_MS = 500;
/** A change set of ours is ready in seconds. */
const MOST_POLLS = 600;
/** 100 events each: more than a stack of ours ever has in 90 days. */
const MOST_PAGES = 200;

/** What CloudFormation says with HTTP status 400. */
const REASONS: Record<string, ProviderReason> = {
  ...OF_A_PERSON,
  AlreadyExistsException: 'PreconditionFailed',
  ChangeSetNotFound: 'NotFound',
  ChangeSetNotFoundException: 'NotFound',
  InvalidChangeSetStatus: 'PreconditionFailed',
  InvalidChangeSetStatusException: 'PreconditionFailed',
  OperationInProgressException: 'PreconditionFailed',
  StaleRequestException: 'PreconditionFailed',
  LimitExceededException: 'QuotaExceeded',
  AccessDenied: 'AccessDenied',
};

/** It has one code for all that is wrong with a request; these are the sentences of what passes. */
const BUSY =
  /is in [A-Z_]+ state and (?:can ?not|cannot) be|_IN_PROGRESS|TerminationProtection is enabled|\[REVIEW_IN_PROGRESS\]|already exists and cannot be created again/;
const ABSENT = /does not exist/;
/** How it says that nothing would change. */
const EMPTY = /didn't contain changes|No updates are to be performed|doesn't contain changes/;

const hasWords = (error: unknown, words: RegExp): boolean =>
  error instanceof ProviderError && words.test(error.message);

class CloudFormation implements Stacks {
  readonly #client: CloudFormationClient;
  readonly #sleep: CloudFormationSettings['sleep'];

  constructor({ region, endpoint, credentials, sleep }: CloudFormationSettings) {
    this.#sleep = sleep;
    this.#client = new CloudFormationClient({
      region,
      requestHandler: httpWithin(TIMEOUT_MS),
      ...(endpoint !== undefined && { endpoint }),
      ...(credentials && { credentials }),
    });
  }

  async find(name: string): Promise<Stack | undefined> {
    const command = new DescribeStacksCommand({ StackName: name });
    try {
      const { Stacks: [found] = [] } = await this.#call(['DescribeStacks'], name, () =>
        this.#client.send(command),
      );
      return found && stackOf(found);
    } catch (error) {
      if (hasWords(error, ABSENT)) return undefined;
      throw error;
    }
  }

  async plan(wish: StackWish, how: 'create' | 'update'): Promise<ChangeSet | undefined> {
    const { name, template, parameters, tags } = wish;
    const command = new CreateChangeSetCommand({
      StackName: name,
      // Of its own each time: one that another has made under a known name would be carried out with our rights.
      ChangeSetName: `sb-${randomUUID()}`,
      ChangeSetType: how === 'create' ? 'CREATE' : 'UPDATE',
      TemplateBody: template,
      Parameters: pairs(parameters).map(([ParameterKey, ParameterValue]) => ({
        ParameterKey,
        ParameterValue,
      })),
      Tags: pairs(tags).map(([Key, Value]) => ({ Key, Value })),
      Capabilities: ['CAPABILITY_IAM'],
      OnStackFailure: 'ROLLBACK',
    });
    const { Id: id = '', StackId: stackId = '' } = await this.#call(['CreateChangeSet'], name, () =>
      this.#client.send(command),
    );
    return this.#ready({ id, stackId, changes: [] }, name);
  }

  /** The change set once it is worked out; an empty one is a failed one, and goes. */
  async #ready(made: ChangeSet, name: string): Promise<ChangeSet | undefined> {
    for (let polls = 0; polls < MOST_POLLS; polls++) {
      const { Status: status, StatusReason: why = '' } = await this.#changeSet(made, name);
      if (status === 'CREATE_COMPLETE') return { ...made, changes: await this.#changes(made, name) };
      if (status === 'FAILED') {
        await this.discard(made);
        if (EMPTY.test(why)) return undefined;
        throw new ProviderError('Invalid', `plan changes of stack ${name}: ${why}`);
      }
      await this.#sleep(POLL_MS);
    }
    throw new ProviderError('Unavailable', `plan changes of stack ${name}: they are not ready after minutes`);
  }

  #changeSet({ id }: ChangeSet, name: string, token?: string): Promise<DescribeChangeSetOutput> {
    const command = new DescribeChangeSetCommand({
      ChangeSetName: id,
      ...(token !== undefined && { NextToken: token }),
    });
    return this.#call(['DescribeChangeSet'], name, () => this.#client.send(command));
  }

  async #changes(made: ChangeSet, name: string): Promise<ChangeSet['changes']> {
    const changes: ChangeSet['changes'][number][] = [];
    let token: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const { Changes = [], NextToken } = await this.#changeSet(made, name, token);
      changes.push(...Changes.map(changeOf));
      if (NextToken === undefined) return changes;
      token = NextToken;
    }
    throw new ProviderError('TooLarge', `plan changes of stack ${name}: there are more than can be shown`);
  }

  async execute({ id, stackId }: ChangeSet, how: 'create' | 'update'): Promise<void> {
    const command = new ExecuteChangeSetCommand({
      ChangeSetName: id,
      // A rollback deletes what it made, retained or not: that would be in the way of the next try.
      RetainExceptOnCreate: true,
    });
    const also = how === 'create' ? 'CreateStack' : 'UpdateStack';
    await this.#call(['ExecuteChangeSet', also], stackId, () => this.#client.send(command));
  }

  async discard({ id, stackId }: ChangeSet): Promise<void> {
    const command = new DeleteChangeSetCommand({ ChangeSetName: id });
    await this.#call(['DeleteChangeSet'], stackId, () => this.#client.send(command)).catch(
      (error: unknown) => {
        if (!(error instanceof ProviderError && error.reason === 'NotFound')) throw error;
      },
    );
  }

  async events(stackId: string, after?: string): Promise<StackEvent[]> {
    const newest = new Map<string, StackEvent>();
    let first: string | undefined;
    let token: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const command = new DescribeStackEventsCommand({
        StackName: stackId,
        ...(token !== undefined && { NextToken: token }),
      });
      const { StackEvents = [], NextToken } = await this.#call(['DescribeStackEvents'], stackId, () =>
        this.#client.send(command),
      );
      for (const event of StackEvents.map(eventOf)) {
        if (event.id === after) return [...newest.values()].toReversed();
        // What comes in between two pages shifts the second one: up to where it begins anew is what the next look brings.
        first ??= event.id;
        if (event.id === first) newest.clear();
        newest.set(event.id, event);
      }
      if (NextToken === undefined) break;
      token = NextToken;
    }
    return [...newest.values()].toReversed();
  }

  async template(stackId: string): Promise<string> {
    const command = new GetTemplateCommand({ StackName: stackId, TemplateStage: 'Original' });
    const { TemplateBody = '' } = await this.#call(['GetTemplate'], stackId, () =>
      this.#client.send(command),
    );
    return TemplateBody;
  }

  async protect(name: string, on: boolean): Promise<void> {
    const command = new UpdateTerminationProtectionCommand({
      StackName: name,
      EnableTerminationProtection: on,
    });
    await this.#call(['UpdateTerminationProtection'], name, () => this.#client.send(command));
  }

  async remove(stackId: string): Promise<void> {
    const command = new DeleteStackCommand({ StackName: stackId });
    await this.#call(['DeleteStack'], stackId, () => this.#client.send(command));
  }

  /** One call, with failures as the port's. First its name, then those of whose permissions it needs as well. */
  async #call<T>([operation, ...also]: readonly string[], stack: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      const needs = [operation, ...also].map((action) => `cloudformation:${action}`).join(', ');
      const known = awsError(
        {
          call: `${operation} of stack ${nameOf(stack)}`,
          needs: `${needs} on stack ${nameOf(stack)}`,
          reasons: REASONS,
        },
        error,
      );
      if (known.reason === 'Invalid' && BUSY.test(known.message))
        throw new ProviderError('PreconditionFailed', known.message, { cause: error });
      throw known;
    }
  }
}

/** The name in `arn:aws:cloudformation:us-east-1:123456789012:stack/sb-network/1a2b…`. */
const nameOf = (stack: string): string => /:stack\/([^/]+)\//.exec(stack)?.[1] ?? stack;

export const cloudFormation = (settings: CloudFormationSettings): Stacks => new CloudFormation(settings);
