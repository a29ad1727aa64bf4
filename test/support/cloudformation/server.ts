/** The HTTP server: reads, checks who asks and what, does it, and answers, with the faults that tests ask for in between. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../../src/async/clock.ts';
import { authenticate } from '../codebuild/signature.ts';
import type { Place } from './change-sets.ts';
import { AwsError, inQuery } from './errors.ts';
import { Faults, type Caller } from './faults.ts';
import { OPERATIONS, type Operation } from './operation.ts';
import { call } from './operations.ts';
import { Request } from './requests.ts';
import type { Call, CloudFormationOptions, CloudFormationService } from './service.ts';
import { Stacks } from './stacks.ts';
import { answerFault, answerQuery, readQuery, type QueryRequest } from './wire.ts';
import { stackArn, type World } from './world.ts';

const NAMESPACE = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';
const VERSION = '2010-05-15';
const PAGE = 100;
const MILLISECONDS = 5;

const unexpected = (error: unknown): void => console.error('cloudformation service:', error);

class Server {
  readonly calls: Call[] = [];
  readonly place: Place & { tokens: Map<string, string> };
  readonly #options: CloudFormationOptions;

  constructor(options: CloudFormationOptions) {
    this.#options = options;
    const { region, account, types, clock = systemClock, pageSize = PAGE } = options;
    const millisecondsOf = options.millisecondsOf ?? (() => MILLISECONDS);
    const world: World = { region, account, types, clock, faults: new Faults(), millisecondsOf };
    this.place = { stacks: new Stacks(world, unexpected), world, pageSize, tokens: new Map() };
  }

  async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const wire = await readQuery(incoming);
    const made: Call = { operation: wire.action, at: Date.now(), request: wire.members };
    this.calls.push(made);
    try {
      const result = await this.#perform(wire);
      if (!result) return void incoming.socket.destroy();
      made.status = 200;
      answerQuery(response, { namespace: NAMESPACE, action: wire.action }, result);
    } catch (error) {
      const known =
        error instanceof AwsError ? inQuery(error) : new AwsError('InternalFailure', String(error), 500);
      Object.assign(made, { status: known.status, error: known.code });
      answerFault(response, NAMESPACE, known);
      if (!(error instanceof AwsError)) throw error;
    }
  }

  /** The answer; undefined where it is to be lost. */
  async #perform(wire: QueryRequest): Promise<object | undefined> {
    const { region, credentials, refusal } = this.#options;
    const { world } = this.place;
    const caller = authenticate(wire, {
      region,
      service: 'cloudformation',
      known: [credentials].flat(),
      now: Date.now(),
    });
    const operation = operationOf(wire);
    await world.faults.hold(operation, 'before');
    const asked = this.#askedBy(operation, wire, caller.userName ?? 'operator');
    world.faults.refuse(asked);
    const why = refusal?.({ action: `cloudformation:${operation}`, resource: asked.resource });
    if (why !== undefined) throw new AwsError('AccessDenied', why, 403);
    const result = call(operation, new Request(operation, wire.members), this.place);
    await world.faults.hold(operation, 'after');
    return world.faults.losesResponse(operation) ? undefined : result;
  }

  /** On what IAM decides: the stack, by its id where it has one. Source: Service Authorization Reference, CloudFormation. */
  #askedBy(operation: Operation, { members }: QueryRequest, userName: string): Caller {
    const { stacks, world } = this.place;
    const name = members['StackName'];
    const stack = typeof name === 'string' ? stacks.find(name) : undefined;
    const resource =
      typeof name !== 'string'
        ? '*'
        : (stack?.id ?? (name.startsWith('arn:') ? name : stackArn(world, `stack/${name}/*`)));
    return { operation, resource, who: `arn:aws:iam::${world.account}:user/${userName}` };
  }
}

function operationOf({ action, version, method }: QueryRequest): Operation {
  const operation = OPERATIONS.find((name) => name === action);
  if (!operation || version !== VERSION || method !== 'POST')
    throw new AwsError('InvalidAction', `Could not find operation ${action} for version ${version}`);
  return operation;
}

/** Starts the service; resolves when it listens. */
export async function startCloudFormation(options: CloudFormationOptions): Promise<CloudFormationService> {
  const { host = '127.0.0.1', port = 0 } = options;
  const service = new Server(options);
  const { stacks, world } = service.place;
  const http = createServer((request, response) => {
    service.handle(request, response).catch(unexpected);
  });
  await once(http.listen(port, host), 'listening');
  return {
    url: `http://${host}:${(http.address() as AddressInfo).port}`,
    calls: service.calls,
    stacks: stacks.all,
    inject: (fault) => world.faults.inject(fault),
    idle: () => stacks.ended(),
    async close() {
      world.faults.close();
      http.closeAllConnections();
      http.close();
    },
  };
}
