/** Every stack of the account and region, and the operation that each is in. */
import { randomUUID } from 'node:crypto';
import { invalid, noStack, stackExists } from './errors.ts';
import { capabilityOf, templateOf } from './template.ts';
import { AwsError } from '../codebuild/errors.ts';
import type { ChangeSet, Desired, Stack } from './model.ts';
import { parametersOf } from './parameters.ts';
import type { Request } from './requests.ts';
import type { Work } from './resources.ts';
import { become, stackArn, type World } from './world.ts';

const UPDATABLE = [
  'CREATE_COMPLETE',
  'CREATE_FAILED',
  'UPDATE_COMPLETE',
  'UPDATE_FAILED',
  'UPDATE_ROLLBACK_COMPLETE',
];

/** A stack that nobody may change now says so. */
export function checkUpdatable(stack: Stack): void {
  if (!UPDATABLE.includes(stack.status))
    throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not be updated.`);
}

export class Stacks {
  readonly all: Stack[] = [];
  readonly #world: World;
  readonly #running = new Map<Stack, { work: Work; ended: Promise<void> }>();
  readonly #unexpected: (error: unknown) => void;

  constructor(world: World, unexpected: (error: unknown) => void) {
    this.#world = world;
    this.#unexpected = unexpected;
  }

  /** By name, those that are there; by id, also those that were. */
  find(name: string): Stack | undefined {
    return this.all.find((stack) => stack.id === name || (stack.name === name && !stack.deleted));
  }

  get(name: string, missing: (name: string) => Error = noStack): Stack {
    const stack = this.find(name);
    if (!stack) throw missing(name);
    return stack;
  }

  open(name: string, desired: Desired): Stack {
    if (this.find(name)) throw stackExists(name);
    const stack: Stack = {
      id: stackArn(this.#world, `stack/${name}/${randomUUID()}`),
      name,
      status: 'REVIEW_IN_PROGRESS',
      created: new Date(this.#world.clock.now()),
      desired,
      deployed: false,
      made: new Map(),
      records: new Map(),
      outputs: [],
      events: [],
      changeSets: [],
      disableRollback: false,
      retainExceptOnCreate: false,
      isProtected: false,
    };
    this.all.push(stack);
    return stack;
  }

  /** Starts an operation; what it was in is given up first, for the reason that is given. */
  run(stack: Stack, operation: (work: Work) => Promise<void>, giveUp?: unknown): Promise<void> {
    const before = this.#running.get(stack);
    if (before && giveUp !== undefined) before.work.giveUp.abort(giveUp);
    const work: Work = { stack, world: this.#world, giveUp: new AbortController() };
    const ended = (async () => {
      await before?.ended;
      await operation(work);
    })().catch((error: unknown) => {
      // A mistake of the template that only showed now, such as an attribute that there is not.
      if (!(error instanceof AwsError)) this.#unexpected(error);
      become(stack, this.#world, [stack.status.replace('IN_PROGRESS', 'FAILED'), String(error)]);
    });
    this.#running.set(stack, { work, ended });
    return ended;
  }

  /** Resolves when nothing is in progress any more. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map((one) => one.ended));
  }

  /** What a request wants a stack to be. */
  desired(request: Request, previous?: Desired): Desired {
    const isPrevious = request.flag('UsePreviousTemplate') === true;
    const body = isPrevious ? previous?.body : request.text('TemplateBody');
    if (body === undefined) throw invalid('Either Template URL or Template Body must be specified.');
    const template = templateOf(body, this.#world.types);
    const capabilities = request.texts('Capabilities');
    const needed = capabilityOf(template);
    if (needed !== undefined && !capabilities.some((one) => one === needed || one === 'CAPABILITY_NAMED_IAM'))
      throw new AwsError('InsufficientCapabilitiesException', `Requires capabilities : [${needed}]`);
    return {
      template,
      body,
      parameters: parametersOf(template, request.parameters, previous?.parameters),
      capabilities,
      tags: request.hasTags ? request.tags : (previous?.tags ?? []),
    };
  }

  changeSet(name: string, stackName: string | undefined): { stack: Stack; set: ChangeSet } | undefined {
    const stacks = stackName === undefined ? this.all : [this.get(stackName)];
    for (const stack of stacks) {
      const set = stack.changeSets.findLast(
        (one) => one.id === name || (stackName !== undefined && one.name === name),
      );
      if (set) return { stack, set };
    }
    return undefined;
  }
}
